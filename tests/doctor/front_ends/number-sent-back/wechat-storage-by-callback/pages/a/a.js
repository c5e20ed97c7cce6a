Page({
  onPhone(e) {
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code: e.detail.code },
      success: (res) => {
        wx.setStorage({ key: 'mobile', data: res.data.mobile, success: () => wx.redirectTo({ url: '/pages/b/b' }) })
      }
    })
  }
})
