Page({
  getPhoneNumber(e) {
    if (!e.detail.errMsg || e.detail.errMsg != 'getPhoneNumber:ok') {
      wx.showModal({ content: '不能获取手机号码', showCancel: false })
      return
    }
    wx.showLoading({ title: '获取手机号中...' })
    wx.cloud.callFunction({
      name: 'phone',
      data: { code: e.detail.code },
      success: () => {
        wx.hideLoading()
        wx.switchTab({ url: '../index/index' })
      },
      fail: (err) => console.error(err)
    })
  }
})
