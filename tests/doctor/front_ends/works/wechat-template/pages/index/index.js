Page({
  data: { busy: false },
  onPhone(e) {
    if (!e.detail.code || this.data.busy) return
    this.setData({ busy: true })
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code: e.detail.code },
      complete: () => this.setData({ busy: false })
    })
  }
})
