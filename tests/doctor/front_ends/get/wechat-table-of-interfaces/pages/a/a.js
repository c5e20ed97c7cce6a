const call = require('../../api/index')
Page({
  onLoad() {
    wx.login({ success: ({ code }) => { this.code = code } })
  },
  onPhone({ detail }) {
    if (detail.iv) call('phone', { code: this.code, encryptedData: detail.encryptedData, iv: detail.iv })
  }
})
