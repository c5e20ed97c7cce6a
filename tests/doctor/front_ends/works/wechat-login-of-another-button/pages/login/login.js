const { request } = require('../../utils/request')

Page({
  data: { token: '' },
  wxLogin() {
    wx.login({
      success: (res) => {
        request('POST', '/login', { code: res.code }).then((r) => this.setData({ token: r.token }))
      }
    })
  },
  bindPhone(e) {
    if (!e.detail.iv) return
    request('POST', '/bind', {
      token: this.data.token,
      encryptedData: e.detail.encryptedData,
      iv: e.detail.iv
    })
  }
})
