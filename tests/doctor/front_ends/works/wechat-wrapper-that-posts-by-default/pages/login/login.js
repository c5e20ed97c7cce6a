const request = require('../../utils/request')
const app = getApp()

Page({
  data: { loginCode: '' },

  onLoad() {
    // 提前登录，不要放到按钮回调里
    wx.login({
      success: (res) => {
        this.setData({ loginCode: res.code })
      }
    })
  },

  getPhoneNumber(e) {
    if (!e.detail.code) {
      wx.showToast({ title: '您已取消授权', icon: 'none' })
      return
    }
    request({
      url: '/user/phoneLogin',
      data: { loginCode: this.data.loginCode, phoneCode: e.detail.code }
    }).then((data) => {
      wx.setStorageSync('token', data.token)
      app.globalData.userInfo = data.userInfo
      wx.switchTab({ url: '/pages/index/index' })
    })
  }
})
