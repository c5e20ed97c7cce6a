Page({
  onPhone(e) {
    if (!e.detail.code) return
    wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: e.detail.code } })
  }
})
