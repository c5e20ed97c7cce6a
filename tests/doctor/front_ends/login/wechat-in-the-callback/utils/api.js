module.exports = {
  getPhoneNumber: (data) =>
    new Promise((resolve, reject) => wx.request({ url: 'https://api.example.com/phone', method: 'POST', data, success: resolve, fail: reject }))
}
