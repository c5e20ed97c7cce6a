import { post } from '../../services/http'

Page({
  async onPhone(e) {
    const { code } = e.detail
    if (!code) return
    const { data: { phoneNumber, countryCode } } = await post('/wx/phone', { code })
    const userInfo = await post('/wx/login', { phoneNumber, countryCode, openid: this.openid })
    wx.setStorageSync('userInfo', userInfo)
  }
})
