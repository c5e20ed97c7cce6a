Page({
  data: { checked: false },
  onTap() {
    if (!this.data.checked) wx.showToast({ title: '请勾选协议', icon: 'none' })
  },
  onPhone(e) {
    const { code } = e.detail
    if (!code) return
    wx.request({ url: 'https://api.example.com/login', method: 'POST', data: { code } })
  }
})
