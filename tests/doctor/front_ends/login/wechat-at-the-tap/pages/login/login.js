Page({
  login() {
    wx.login({ success: (r) => { this.code = r.code } })
  },
  onPhone(e) {
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code: this.code, encryptedData: e.detail.encryptedData, iv: e.detail.iv }
    })
  }
})
