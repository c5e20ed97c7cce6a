const post = (url, data) => new Promise((ok, no) => wx.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: (r) => ok(r.data), fail: no }))

Page({
  async onPhone({ detail }) {
    if (!detail.code) return
    // 服务端返回 phone、ts 和签名，注册时验签
    const { phone, ts, sign } = await post('/phone', { code: detail.code })
    await post('/register', { phone, ts, sign, nickname: this.data.nickname })
  }
})
