const http = require('../../utils/http')
Page({
  async login(e) {
    if (!e.detail.code) return
    const { token } = await http.post('/clerk/login', { phoneCode: e.detail.code })
    wx.setStorageSync('token', token)
  }
})
