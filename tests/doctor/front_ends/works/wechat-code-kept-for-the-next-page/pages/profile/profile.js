const app = getApp()

Page({
  data: { nickname: '' },
  onName(e) {
    this.setData({ nickname: e.detail.value })
  },
  register() {
    wx.request({
      url: 'https://api.example.com/register',
      method: 'POST',
      data: { nickname: this.data.nickname, phoneCode: app.globalData.phoneCode },
      success: () => wx.reLaunch({ url: '/pages/auth/auth' })
    })
  }
})
