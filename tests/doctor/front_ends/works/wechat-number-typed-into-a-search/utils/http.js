const http = (url, { method = 'GET', data } = {}) =>
  new Promise((resolve, reject) =>
    wx.request({ url: 'https://api.example.com' + url, method, data, success: (r) => resolve(r.data), fail: reject })
  )
http.get = (url, data) => http(url, { data })
http.post = (url, data) => http(url, { method: 'POST', data })
module.exports = http
