Page({
  data: { career: '', disabled: true },
  onCareer(e) {
    this.setData({ career: e.detail.value, disabled: !e.detail.value })
  },
  submit() {
    if (this.data.disabled) return
    wx.setStorageSync('career', this.data.career)
    wx.navigateTo({ url: '/pages/login/login' })
  }
})
