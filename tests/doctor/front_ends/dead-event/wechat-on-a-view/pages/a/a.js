Page({
  onPhone(e) {
    wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: e.detail.code } })
  }
})
