const api = require('../../utils/api.js')

Page({
  onLoad: function () {
    // 登录：code 换 session_key 和 openid，session_key 不下发，只返回 sid
    wx.login({
      success: function (res) {
        api.post('/login', { code: res.code }).then(function (data) {
          wx.setStorageSync('sid', data.sid)
        })
      }
    })
  },
  getPhoneNumber: function (e) {
    /* 这里拿到 encryptedData 和 iv，
       服务端用自己保存的 session_key 解密，sessionKey 不经过前端 */
    if (e.detail.errMsg == 'getPhoneNumber:fail user deny') {
      wx.showModal({ title: '提示', content: '需要手机号才能下单', showCancel: false })
    } else if (e.detail.errMsg == 'getPhoneNumber:ok') {
      api.post('/phone', {
        sid: wx.getStorageSync('sid'),
        encryptedData: e.detail.encryptedData,
        iv: e.detail.iv
      })
    }
  }
})
