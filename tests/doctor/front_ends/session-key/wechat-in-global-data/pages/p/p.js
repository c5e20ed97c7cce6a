const app = getApp()

Page({
  onPhone(e) {
    wx.request({
      url: 'https://api.example.com/decrypt',
      method: 'POST',
      data: { SessionKey: app.globalData.SessionKey, encryptedData: e.detail.encryptedData, iv: e.detail.iv }
    })
  }
})
