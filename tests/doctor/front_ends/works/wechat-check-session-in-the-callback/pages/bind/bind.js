const app = getApp()

Page({
  getPhoneNumber(e) {
    if (e.detail.errMsg !== 'getPhoneNumber:ok') return
    wx.checkSession({
      success: () => {
        this.bind(e.detail.encryptedData, e.detail.iv)
      },
      fail: () => {
        // 登录态已失效：重新登录，让用户再点一次，旧数据不能再用
        app.login()
        wx.showToast({ title: '登录已过期，请再点一次', icon: 'none' })
      }
    })
  },

  bind(encryptedData, iv) {
    wx.request({
      url: 'https://api.example.com/bindPhone',
      method: 'POST',
      header: { Authorization: app.globalData.token },
      data: { encryptedData, iv },
      success: () => wx.navigateBack()
    })
  }
})
