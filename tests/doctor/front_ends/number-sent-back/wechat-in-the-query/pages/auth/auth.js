import request from '../../utils/request'

Page({
  async onPhone(e) {
    if (!e.detail.code) return
    const { phone } = await request('/phone', { code: e.detail.code })
    wx.navigateTo({ url: `/pages/register/register?phone=${phone}` })
  }
})
