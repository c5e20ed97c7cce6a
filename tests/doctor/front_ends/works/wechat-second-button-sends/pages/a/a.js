Page({
  data: { name: '', phoneCode: '' },
  onName(e) { this.setData({ name: e.detail.value }) },
  onPhone(e) { this.setData({ phoneCode: e.detail.code || '' }) },
  submit() {
    const { name, phoneCode } = this.data
    if (!name || !phoneCode) return
    wx.request({ url: 'https://api.example.com/signup', method: 'POST', data: { name, phoneCode } })
  }
})
