const request = (method) => (url, data) =>
  new Promise((resolve, reject) =>
    wx.request({
      url: 'https://api.example.com' + url,
      method,
      data,
      header: { Authorization: 'Bearer ' + wx.getStorageSync('token') },
      success: (r) => resolve(r.data),
      fail: reject
    })
  )
module.exports = { get: request('GET'), post: request('POST') }
