const { post } = require('../../utils/request')

Page({
  data: { phone: '' },
  getPhone(e) {
    if (!e.detail.code) return
    post('/wx/getPhone', { code: e.detail.code }).then((res) => {
      this.setData({ phone: res.phoneNumber })
    })
  },
  bind() {
    post('/user/bind', { openid: wx.getStorageSync('openid'), phone: this.data.phone }).then(() => {
      wx.navigateBack()
    })
  }
})
