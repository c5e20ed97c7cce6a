exports.post = (url, data) =>
  new Promise((resolve, reject) => {
    wx.request({
      url: 'https://api.example.com' + url,
      method: 'POST',
      header: { Authorization: wx.getStorageSync('token') },
      data,
      success: (res) => resolve(res.data),
      fail: reject
    })
  })
