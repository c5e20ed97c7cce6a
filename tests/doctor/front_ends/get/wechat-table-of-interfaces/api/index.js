const config = require('./config')

module.exports = (name, data) => {
  const [method, path] = config[name]
  return new Promise((resolve, reject) => {
    wx.request({ url: 'https://api.example.com' + path, method, data, success: (r) => resolve(r.data), fail: reject })
  })
}
