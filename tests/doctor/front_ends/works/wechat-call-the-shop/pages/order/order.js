Page({
  onLoad({ id }) {
    this.id = id
  },
  onPhone(e) {
    if (!e.detail.code) return
    wx.request({
      url: 'https://api.example.com/orders',
      method: 'POST',
      data: { id: this.id, phoneCode: e.detail.code },
      success: (res) => {
        this.order = res.data
        wx.showToast({ title: '下单成功' })
      }
    })
  },
  callShop() {
    wx.request({
      url: 'https://api.example.com/shop?id=' + this.id,
      success: (res) => {
        wx.makePhoneCall({ phoneNumber: res.data.phone })
      }
    })
  }
})
