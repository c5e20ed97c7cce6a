Page({
  ask() {
    wx.navigateTo({
      url: '/pages/b/b',
      events: {
        phone: ({ code }) => this.send(code)
      }
    })
  },
  send(code) {
    wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
  }
})
