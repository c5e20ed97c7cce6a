App({
  globalData: {},
  onLaunch() {
    wx.login({
      success: (res) => {
        wx.request({
          url: 'https://api.example.com/login',
          method: 'POST',
          data: { code: res.code },
          success: (r) => {
            wx.setStorageSync('session_key', r.data.session_key)
            wx.setStorageSync('openid', r.data.openid)
          }
        })
      }
    })
  }
})
