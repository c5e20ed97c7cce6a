const post = (path, data) => new Promise((ok, no) => wx.request({ url: 'https://api.example.com' + path, method: 'POST', data, success: (r) => ok(r.data), fail: no }))
Page({
  async onLoad() {
    const { code } = await wx.login()
    const { session_key: sk, openid } = await post('/code2session', { code })
    Object.assign(this, { sk, openid })
  },
  onPhone({ detail: { encryptedData, iv } }) {
    if (iv) post('/decrypt', { sk: this.sk, encryptedData, iv })
  }
})
