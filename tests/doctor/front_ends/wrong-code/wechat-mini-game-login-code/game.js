wx.onTouchEnd(() => {
  wx.getPhoneNumber({
    success() {
      wx.login({
        success({ code }) {
          wx.request({ url: 'https://api.example.com/game/phone', method: 'POST', data: { authorization: { code } } })
        },
      })
    },
  })
})
