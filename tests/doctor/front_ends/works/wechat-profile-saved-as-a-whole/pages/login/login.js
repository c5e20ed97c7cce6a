import { send } from '../../utils/request'
Page({
  async onPhone({ detail }) {
    if (!detail.code) return
    const { token } = await send('POST', '/login', { code: detail.code })
    wx.setStorageSync('token', token)
  }
})
