const post = (url, data) =>
  new Promise((resolve, reject) => {
    wx.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: (r) => resolve(r.data), fail: reject })
  })

module.exports = { post }
