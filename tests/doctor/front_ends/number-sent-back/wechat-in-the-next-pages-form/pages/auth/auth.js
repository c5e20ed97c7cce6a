const app = getApp()

Page({
  onPhone(e) {
    if (!e.detail.code) return
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code: e.detail.code },
      success(res) {
        app.globalData.mobile = res.data.mobile
        wx.redirectTo({ url: '/pages/form/form' })
      }
    })
  }
})
