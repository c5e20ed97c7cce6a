Page({
  onLoad(options) {
    this.phoneCode = options.code
  },
  register() {
    wx.request({ url: 'https://api.example.com/register', method: 'POST', data: { phoneCode: this.phoneCode } })
  }
})
