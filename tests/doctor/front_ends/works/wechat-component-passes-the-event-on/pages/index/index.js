Page({
  onPhone(e) {
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code: e.detail.code },
      success: () => wx.showToast({ title: '登录成功' })
    })
  },
  onDeny(e) {
    console.log('用户拒绝', e.detail.reason)
  }
})
