const track = require('../../utils/track')
const log = wx.getRealtimeLogManager ? wx.getRealtimeLogManager() : console

Page({
  onPhone(e) {
    track('phone_auth', { result: e.detail.errMsg, errno: e.detail.errno || 0 })
    log.info('getPhoneNumber', e.detail.errMsg)
    if (!e.detail.code) return
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code: e.detail.code },
      success: (res) => track('phone_bound', { status: res.statusCode })
    })
  }
})
