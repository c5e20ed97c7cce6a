const host = 'https://api.example.com'
const api = {}

;['get', 'post', 'put', 'delete'].forEach((method) => {
  api[method] = (url, data, opt = {}) =>
    new Promise((resolve, reject) => {
      wx.request({
        url: /^https?:/.test(url) ? url : host + url,
        data,
        method: method.toUpperCase(),
        ...opt,
        success: (res) => resolve(res.data),
        fail: reject
      })
    })
})

module.exports = api
