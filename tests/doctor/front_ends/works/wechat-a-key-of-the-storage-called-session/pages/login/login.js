import { STORAGE } from '../../common/constants'

Page({
  onLoad() {
    wx.login({
      success: ({ code }) =>
        wx.request({
          url: 'https://api.example.com/login',
          method: 'POST',
          data: { code },
          success: ({ data }) => wx.setStorageSync(STORAGE.SESSION_KEY, data.sid)
        })
    })
  },
  onPhone({ detail: { code } }) {
    if (!code) return
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      header: { 'x-session': wx.getStorageSync(STORAGE.SESSION_KEY) },
      data: { code }
    })
  }
})
