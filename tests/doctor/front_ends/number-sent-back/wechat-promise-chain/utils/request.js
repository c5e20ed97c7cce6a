const post = (url, data) =>
  new Promise((resolve, reject) => wx.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: resolve, fail: reject }))

module.exports = { post }
