exports.request = (method, path, data) =>
  new Promise((resolve, reject) => {
    wx.request({ method, url: 'https://api.example.com' + path, data, success: (r) => resolve(r.data), fail: reject })
  })
