Page({
  onPhone(e) {
    wx.BaaS.wxDecryptData(e.detail.encryptedData, e.detail.iv, 'phone-number').then((res) => this.setData({ masked: res.masked }))
  }
})
