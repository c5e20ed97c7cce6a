Page({
  onRealtime(e) {
    if (e.detail.errno === 1400001) {
      wx.showToast({ title: '请使用短信验证', icon: 'none' })
      return
    }
    if (!e.detail.code) return
    wx.request({
      url: 'https://api.example.com/verify',
      method: 'POST',
      data: { code: e.detail.code }
    })
  }
})
