Page({
  async onLoad() {
    const { code } = await wx.login()
    this.setData({ code })
  },
  onPhone() {
    const { code } = this.data as { code: string }
    wx.request({
      url: 'https://api.example.com/v1/apps/shop/phone-number',
      method: 'POST',
      data: { login_code: code, authorization: { code } },
    })
  },
})
