const WXBizDataCrypt = require('../../utils/WXBizDataCrypt')

Page({
  onLoad() {
    wx.login({
      success: ({ code }) => {
        wx.request({
          url: 'https://api.example.com/session',
          method: 'POST',
          data: { code },
          success: ({ data }) => {
            this.sessionKey = data.session_key
          }
        })
      }
    })
  },
  onPhone(e) {
    const pc = new WXBizDataCrypt('wx1234567890abcdef', this.sessionKey)
    const data = pc.decryptData(e.detail.encryptedData, e.detail.iv)
    this.setData({ phone: data.phoneNumber })
  }
})
