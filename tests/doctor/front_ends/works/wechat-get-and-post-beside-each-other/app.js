import { silentLogin } from './api/user'

App({
  globalData: { user: null },
  onLaunch() {
    wx.login({
      success: ({ code }) => {
        silentLogin(code).then(({ token }) => wx.setStorageSync('token', token))
      }
    })
  }
})
