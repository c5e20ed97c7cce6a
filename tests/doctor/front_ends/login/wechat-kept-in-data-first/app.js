App({
  userLogin(data) {
    wx.request({ url: 'https://api.example.com/login', method: 'POST', data })
  }
})
