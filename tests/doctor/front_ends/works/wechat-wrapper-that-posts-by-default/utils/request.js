const config = require('../config')

/**
 * 统一请求封装
 * @param {object} options url、data、method（默认 POST）
 */
function request(options) {
  const { url, data = {}, method = 'POST', loading = true } = options
  if (loading) wx.showLoading({ title: '加载中', mask: true })
  return new Promise((resolve, reject) => {
    wx.request({
      url: config.baseUrl + url,
      data,
      method,
      header: {
        'content-type': 'application/json',
        token: wx.getStorageSync('token') || ''
      },
      success(res) {
        if (res.statusCode === 200 && res.data.code === 0) {
          resolve(res.data.data)
        } else {
          wx.showToast({ title: res.data.msg || '网络异常', icon: 'none' })
          reject(res)
        }
      },
      fail: reject,
      complete() {
        if (loading) wx.hideLoading()
      }
    })
  })
}

module.exports = request
