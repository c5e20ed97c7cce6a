Page({
  getCode() {
    return new Promise((resolve) => {
      wx.login({ success: (r) => resolve(r.code) })
    })
  },
  async onPhone({ detail }) {
    if (!detail.iv) return
    const code = await this.getCode()
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code, encryptedData: detail.encryptedData, iv: detail.iv }
    })
  }
})
