Page({
  getPhoneNumber(e) {
    wx.request({
      url: 'https://api.example.com/user/getphone',
      data: { code: e.detail.code },
      method: 'post',
      success: (result) => {
        wx.setStorageSync('phone', result.data.ResultData.phone)
      }
    })
  },
  authorize() {
    const phone = wx.getStorageSync('phone')
    const openid = wx.getStorageSync('openid')
    wx.request({
      url: 'https://api.example.com/user/authorize',
      data: { phone, openid },
      method: 'post',
      success: () => {
        wx.reLaunch({ url: '/pages/index/index' })
      }
    })
  }
})
