Page({
  onLoad() {
    this.refreshCode()
  },

  refreshCode() {
    wx.login({ success: (res) => { this.loginCode = res.code } })
  },

  onPhone(e) {
    const { encryptedData, iv } = e.detail
    if (!encryptedData) return
    wx.request({
      url: 'https://api.example.com/wx/phone',
      method: 'POST',
      data: { code: this.loginCode, encryptedData, iv },
      success: (res) => {
        if (res.data.code === 200) {
          wx.setStorageSync('token', res.data.data.token)
        }
      },
      complete: () => {
        // code 只能用一次，请求结束后换一个新的备用
        this.refreshCode()
      }
    })
  }
})
