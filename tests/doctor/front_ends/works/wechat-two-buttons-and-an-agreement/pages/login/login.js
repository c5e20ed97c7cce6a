const app = getApp()

Page({
  data: { agreed: false },
  onAgree(e) {
    this.setData({ agreed: e.detail.value.length > 0 })
  },
  remind() {
    wx.showToast({ title: '请先阅读并同意协议', icon: 'none' })
  },
  skip() {
    wx.navigateBack()
  },
  onGetPhoneNumber(e) {
    if (e.detail.errMsg.includes('deny')) return
    app.$api.login({ code: e.detail.code }).then((res) => {
      app.setToken(res.token)
      wx.navigateBack()
    })
  }
})
