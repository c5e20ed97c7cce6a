Page({
  onLoad() {
    wx.login({ success: (r) => { this.code = r.code } })
  },
  getPhoneNumber: function (e) {
    if (e.detail.errMsg != 'getPhoneNumber:ok') return
    var encryptedData = e.detail.encryptedData
    var iv = e.detail.iv
    wx.request({
      url: 'https://api.example.com/getUserPhone',
      data: { code: this.code, encryptedData: encryptedData, iv: iv },
      success: function (res) {
        console.log(res.data)
      }
    })
  }
})
