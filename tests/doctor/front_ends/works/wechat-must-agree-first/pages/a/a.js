const app = getApp()
let busy = false
let agreedAt = 0

Page({
  data: { agreed: false },
  onAgree({ detail }) {
    agreedAt = Date.now()
    this.setData({ agreed: detail.value.length > 0 })
  },
  onPhone({ detail }) {
    if (!this.data.agreed || !agreedAt) {
      wx.showToast({ title: '请先同意协议', icon: 'none' })
      return
    }
    if (busy || !app.globalData.ready) return
    if (!detail.code) return
    busy = true
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code: detail.code },
      complete() {
        busy = false
      }
    })
  }
})
