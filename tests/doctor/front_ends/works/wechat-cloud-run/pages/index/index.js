import { call } from '../../utils/cloud'

Page({
  async onPhone(e) {
    if (!e.detail.code) return
    const { token } = await call('/api/phone', { code: e.detail.code })
    wx.setStorageSync('token', token)
  }
})
