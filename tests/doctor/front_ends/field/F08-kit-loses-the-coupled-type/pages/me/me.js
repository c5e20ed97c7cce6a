Page({
  read() {},
  agree(event) {
    wx.request({ url: 'https://shop.example.com/phone', method: 'POST', data: { code: event.detail.code } })
  },
})
