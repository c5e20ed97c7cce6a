module.exports = (url, data, method) =>
  new Promise((resolve, reject) =>
    wx.request({ url: 'https://api.example.com' + url, data, method: method || 'POST', success: (r) => resolve(r.data), fail: reject })
  )
