import { exchangePhone } from '../../../services/user'

Page({
  async onPhone(e) {
    if (e.detail.errMsg !== 'getPhoneNumber:ok') return
    const me = await exchangePhone(e.detail)
    wx.setStorageSync('me', me.id)
  }
})
