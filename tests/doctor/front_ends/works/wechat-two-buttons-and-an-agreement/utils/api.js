const request = (path, data, method) =>
  new Promise((resolve, reject) => {
    wx.request({
      url: 'https://api.example.com' + path,
      data,
      method,
      success: (res) => resolve(res.data),
      fail: reject
    })
  })

module.exports = {
  login: (data) => request('/login', data, 'POST'),
  goods: (data) => request('/goods', data, 'GET')
}
