import { on } from './utils/bus'

App({
  onLaunch() {
    on('phone', ({ code }) => {
      wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
    })
  }
})
