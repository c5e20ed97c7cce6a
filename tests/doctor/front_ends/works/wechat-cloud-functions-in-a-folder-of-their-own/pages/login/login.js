Page({
  onLoad() {
    wx.login({ success: ({ code }) => { this.code = code } })
  },
  onPhone({ detail: { encryptedData, iv } }) {
    if (!iv) return
    wx.cloud.callFunction({ name: 'getPhone', data: { code: this.code, encryptedData, iv } })
  }
})
