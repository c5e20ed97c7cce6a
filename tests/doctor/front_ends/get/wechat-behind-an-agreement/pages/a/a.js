Page({
  data: { agreed: false },
  onLoad() {
    wx.login({ success: ({ code }) => { this.code = code } })
  },
  onAgree() {
    this.setData({ agreed: !this.data.agreed })
  },
  onPhone({ detail }) {
    if (!this.data.agreed) {
      wx.showToast({ title: '请先同意协议', icon: 'none' })
      return
    }
    wx.request({
      url: 'https://api.example.com/phone',
      data: { code: this.code, encryptedData: detail.encryptedData, iv: detail.iv }
    })
  }
})
