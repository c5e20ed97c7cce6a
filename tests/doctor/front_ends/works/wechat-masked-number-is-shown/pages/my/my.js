Page({
  data: { mobile: wx.getStorageSync('mobile') },
  getMobile(e) {
    if (e.detail.errMsg !== 'getPhoneNumber:ok') return
    wx.request({
      url: 'https://api.example.com/mobile',
      method: 'POST',
      data: { code: e.detail.code },
      success: (res) => {
        // 形如 138****8888，只用于显示
        const mobile = res.data.data.maskedMobile
        this.setData({ mobile })
        wx.setStorageSync('mobile', mobile)
      }
    })
  },
  refresh() {
    wx.request({
      url: 'https://api.example.com/me',
      header: { Authorization: wx.getStorageSync('token') },
      success: (res) => this.setData({ mobile: res.data.mobile })
    })
  }
})
