function send(method, path, data) {
  return new Promise(function (resolve, reject) {
    wx.request({
      url: 'https://api.example.com' + path,
      method: method,
      data: data,
      success: function (res) { resolve(res.data) },
      fail: reject
    })
  })
}

exports.get = function (path, data) { return send('GET', path, data) }
exports.post = function (path, data) { return send('POST', path, data) }
