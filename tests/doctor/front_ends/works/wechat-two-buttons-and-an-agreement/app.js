const $api = require('./utils/api')

App({
  $api,
  setToken(token) {
    wx.setStorageSync('token', token)
  }
})
