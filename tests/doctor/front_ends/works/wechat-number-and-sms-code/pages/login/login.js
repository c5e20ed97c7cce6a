import { post } from '../../utils/http'

Page({
  data: { mobile: '', sms: '', seconds: 0 },
  onMobile(e) { this.setData({ mobile: e.detail.value }) },
  onSms(e) { this.setData({ sms: e.detail.value }) },
  async sendSms() {
    await post('/sms/send', { mobile: this.data.mobile })
    this.setData({ seconds: 60 })
  },
  async smsLogin() {
    const { mobile, sms } = this.data
    const { token } = await post('/login/sms', { mobile, smsCode: sms })
    wx.setStorageSync('token', token)
  },
  async quickLogin(e) {
    if (!e.detail.code) return
    const { token } = await post('/login/phone', { code: e.detail.code })
    wx.setStorageSync('token', token)
  }
})
