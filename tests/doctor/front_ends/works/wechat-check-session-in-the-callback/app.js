App({
  globalData: { token: '' },
  onLaunch() {
    this.login()
  },
  login() {
    wx.login({
      success: (res) => {
        wx.request({
          url: 'https://api.example.com/login',
          method: 'POST',
          data: { code: res.code },
          success: (r) => {
            this.globalData.token = r.data.token
          }
        })
      }
    })
  }
})
