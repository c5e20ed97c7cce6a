Page({
  onLoad() {
    wx.login({ success: (r) => { this.code = r.code } })
  },
  onPhone(e) {
    wx.request({
      url: 'https://api.example.com/phone?encryptedData=' + encodeURIComponent(e.detail.encryptedData) + '&iv=' + encodeURIComponent(e.detail.iv) + '&code=' + this.code
    })
  }
})
