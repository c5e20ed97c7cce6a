const request = require('../../utils/request')

Page({
  phone(e) {
    if (e.detail.code) request('/login', { code: e.detail.code }).then((r) => wx.setStorageSync('token', r.token))
  }
})
