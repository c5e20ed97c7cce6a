Page({
  onLoad() {
    wx.login({ success: (r) => { this.code = r.code } })
  },
  onPhone(e) {
    const { encryptedData, iv } = e.detail
    wx.request({
      url: `https://api.example.com/phone?code=${this.code}&encryptedData=${encryptedData}&iv=${iv}`,
      method: 'POST'
    })
  }
})
