App({
  globalData: { SessionKey: '' },
  login() {
    const that = this
    wx.login({
      success(res) {
        wx.request({
          url: 'https://api.example.com/code2session?code=' + res.code,
          success(r) {
            that.globalData.SessionKey = r.data.data.SessionKey
          }
        })
      }
    })
  },
  onLaunch() {
    this.login()
  }
})
