export default (url, data, method = 'POST') =>
  new Promise((resolve, reject) => {
    wx.request({ url: 'https://api.example.com' + url, data, method, success: (r) => resolve(r.data), fail: reject })
  })
