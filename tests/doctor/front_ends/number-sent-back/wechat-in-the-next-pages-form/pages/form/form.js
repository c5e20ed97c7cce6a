const app = getApp()

Page({
  onLoad() {
    this.setData({ mobile: app.globalData.mobile })
  },
  submit(e) {
    wx.request({
      url: 'https://api.example.com/register',
      method: 'POST',
      data: { ...e.detail.value, mobile: app.globalData.mobile }
    })
  }
})
