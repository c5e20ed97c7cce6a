const { decodePhone, login } = require('../../api/user')

Page({
  onPhone(e) {
    if (!e.detail.code) return
    decodePhone(e.detail.code)
      .then((phone) => login(phone))
      .then((res) => wx.setStorageSync('token', res.data.token))
      .catch(console.error)
  }
})
