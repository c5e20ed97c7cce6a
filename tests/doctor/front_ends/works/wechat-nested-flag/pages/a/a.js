Page({
  data: { form: { agreed: false }, cart: [] },
  onShow() {
    this.setData({ cart: wx.getStorageSync('cart') || [] })
  },
  onAgree({ detail }) {
    this.setData({ 'form.agreed': detail.value.length > 0 })
  },
  onPhone({ detail }) {
    if (!this.data.form.agreed) return wx.showToast({ title: '请先同意协议', icon: 'none' })
    if (!this.data.cart.length || !detail.code) return
    wx.request({ url: 'https://api.example.com/orders', method: 'POST', data: { code: detail.code, cart: this.data.cart } })
  }
})
