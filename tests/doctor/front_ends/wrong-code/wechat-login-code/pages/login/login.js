Page({
  onLoad() {
    wx.login({ success: (res) => { this.code = res.code } })
  },
  onPhone(e) {
    if (e.detail.errMsg !== 'getPhoneNumber:ok') return
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { phoneCode: this.code }
    })
  }
})
