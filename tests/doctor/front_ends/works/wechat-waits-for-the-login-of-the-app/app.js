App({
  onLaunch() {
    // 只登录一次，页面通过 loginReady 等待结果
    this.loginReady = new Promise((resolve) => {
      wx.login({
        success: ({ code }) => {
          wx.request({
            url: 'https://api.example.com/session',
            method: 'POST',
            data: { code },
            success: ({ data }) => resolve(data.session)
          })
        }
      })
    })
  }
})
