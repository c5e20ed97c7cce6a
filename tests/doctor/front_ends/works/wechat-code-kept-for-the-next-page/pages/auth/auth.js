const app = getApp()

Page({
  onPhone(e) {
    if (!e.detail.code) return
    app.globalData.phoneCode = e.detail.code
    wx.navigateTo({ url: '/pages/profile/profile' })
  }
})
