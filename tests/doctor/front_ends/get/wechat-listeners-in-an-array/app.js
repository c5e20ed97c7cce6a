const bus = require('./utils/bus')
App({
  onLaunch() {
    bus.on(({ encryptedData, iv }) => {
      wx.request({ url: 'https://api.example.com/phone', data: { sid: wx.getStorageSync('sid'), encryptedData, iv } })
    })
  }
})
