import Member from '../../model/Member'

Page({
  onGetPhoneNumber: async function (event) {
    const code = event.detail.code
    if (!code) return
    const { token } = await Member.loginByPhone(code)
    wx.setStorageSync('token', token)
    await Member.coupons()
    wx.navigateBack()
  }
})
