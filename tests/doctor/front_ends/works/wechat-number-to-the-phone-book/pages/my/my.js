Page({
  onPhone({ detail }) {
    if (!detail.code) return
    wx.request({
      url: 'https://api.example.com/login',
      method: 'POST',
      data: { code: detail.code },
      success: ({ data }) => this.setData({ phone: data.phone, token: data.token })
    })
  },
  copy() {
    wx.setClipboardData({ data: this.data.phone })
  },
  save() {
    wx.addPhoneContact({ firstName: '我', mobilePhoneNumber: this.data.phone })
  },
  open() {
    wx.navigateToMiniProgram({ appId: 'wx1234567890abcdef', path: 'pages/index/index', extraData: { token: this.data.token } })
  }
})
