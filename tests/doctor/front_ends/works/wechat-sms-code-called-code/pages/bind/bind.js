const { post } = require('../../utils/http')

Page({
  data: { mobile: '', code: '' },
  async fill({ detail }) {
    if (!detail.code) return
    const { mobile } = await post('/wx/mobile', { code: detail.code })
    this.setData({ mobile })
    await post('/sms', { mobile, type: 'bind' })
  },
  async bind() {
    const { mobile, code } = this.data
    await post('/bind', { mobile, code })
    wx.navigateBack()
  }
})
