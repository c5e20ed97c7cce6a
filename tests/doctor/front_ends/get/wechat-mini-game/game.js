wx.onTouchEnd(() => {
  wx.getPhoneNumber({
    success(res) {
      wx.request({ url: 'https://api.example.com/game/phone', data: { code: res.code } })
    },
  })
})
