Page({
  onLoad() {
    wx.login({
      success: (res) => {
        wx.request({
          url: 'https://api.example.com/phone/bound',
          method: 'POST',
          data: { code: res.code },
          success: ({ data }) => {
            this.sid = data.sid
            this.setData({ bound: data.bound })
          }
        })
      }
    })
  },
  onPhone(e) {
    if (!e.detail.code) return
    wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { sid: this.sid, code: e.detail.code } })
  }
})
