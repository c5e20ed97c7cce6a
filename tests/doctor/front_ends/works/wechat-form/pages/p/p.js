Page({
  onLoad() {
    wx.login({ success: ({ code }) => { this.code = code } })
  },
  onPhone({ detail: { encryptedData, iv } }) {
    if (!iv) return
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      header: { 'content-type': 'application/x-www-form-urlencoded' },
      data: { code: this.code, encryptedData, iv }
    })
  }
})
