const { post } = require('../../utils/request')
const app = getApp()

Page({
  async onPhone(e) {
    if (!e.detail.code) return
    const { token, user } = await post('/login', { phoneCode: e.detail.code })
    wx.setStorageSync('token', token)
    app.globalData.user = user
  }
})
