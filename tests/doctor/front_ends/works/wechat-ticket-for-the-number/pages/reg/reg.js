const post = (url, data) => new Promise((ok, no) => wx.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: (r) => ok(r.data), fail: no }))

Page({
  async onPhone({ detail }) {
    if (!detail.code) return
    const { phoneTicket, maskedPhone, phoneBound } = await post('/phone', { code: detail.code })
    this.setData({ phoneTicket, maskedPhone, phoneBound })
  },
  submit() {
    const { phoneTicket, phoneBound } = this.data
    post('/register', { phoneTicket, phoneBound, agreePhone: true })
  }
})
