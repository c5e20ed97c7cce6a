const { get, post, upload } = require('../../utils/http')

Page({
  data: { user: {}, shop: {} },
  async onLoad({ scene = '', inviter = '' }) {
    this.scene = decodeURIComponent(scene)
    this.inviter = inviter
    const [shop, user] = await Promise.all([get('/shop'), get('/me').catch(() => ({}))])
    this.setData({ shop, user })
  },
  async getPhoneNumber({ detail }) {
    if (detail.errno === 1400001) return wx.showModal({ title: '请使用短信登录', showCancel: false })
    if (!detail.code) return
    wx.showLoading({ title: '登录中', mask: true })
    try {
      const { token, user } = await post('/login/phone', { code: detail.code, scene: this.scene, inviter: this.inviter })
      wx.setStorageSync('token', token)
      this.setData({ user })
    } finally {
      wx.hideLoading()
    }
  },
  async onAvatar({ detail: { avatarUrl } }) {
    const { url } = await upload(avatarUrl)
    await post('/me', { avatar: url })
  },
  async pay() {
    const { code } = await wx.login()
    const params = await post('/pay', { code, orderId: this.orderId, phone: this.data.user.phone })
    await wx.requestPayment(params)
  },
  navigate(e) {
    const { phone } = e.currentTarget.dataset
    wx.openLocation({ latitude: this.data.shop.lat, longitude: this.data.shop.lng, name: this.data.shop.name })
    wx.setClipboardData({ data: phone })
  },
  onShareAppMessage() {
    return { title: '好店', path: `/pages/home/home?inviter=${this.data.user.id}` }
  }
})
