import request from '../../utils/request'

Page({
  onLoad(options) {
    this.phone = options.phone
  },
  async register() {
    const { token } = await request('/register', { phone: this.phone })
    wx.setStorageSync('token', token)
  }
})
