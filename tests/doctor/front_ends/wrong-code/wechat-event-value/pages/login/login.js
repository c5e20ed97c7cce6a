Page({
  onPhone(e) {
    const { code } = e.detail.value
    wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
  }
})
