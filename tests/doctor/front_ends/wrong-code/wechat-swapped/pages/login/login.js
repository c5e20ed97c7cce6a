const request = require('../../utils/request')

Page({
  onLoad() {
    wx.login({ success: ({ code }) => { this.loginCode = code } })
  },
  onPhone(e) {
    if (!e.detail.code) return
    request('/login', {
      loginCode: e.detail.code,
      phoneCode: this.loginCode
    })
  }
})
