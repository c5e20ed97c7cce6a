App({
  onLaunch() {
    // 旧版本曾把 session_key 存在本地，升级后清掉
    wx.removeStorageSync('session_key')
    wx.removeStorage({ key: 'sessionKey' })
  }
})
