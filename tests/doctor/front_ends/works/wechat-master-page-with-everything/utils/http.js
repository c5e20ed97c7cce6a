const host = 'https://api.example.com'

function http(method, url, data = {}, header = {}) {
  return new Promise((resolve, reject) => {
    const task = wx.request({
      url: host + url, method, data,
      header: Object.assign({ 'content-type': 'application/json', token: wx.getStorageSync('token') }, header),
      success(res) {
        const { code, data, msg } = res.data
        switch (code) {
          case 0: resolve(data); break
          case 401: wx.removeStorageSync('token'); wx.navigateTo({ url: '/pages/home/home' }); reject(new Error(msg)); break
          default: wx.showToast({ title: msg, icon: 'none' }); reject(new Error(msg))
        }
      },
      fail: reject
    })
    setTimeout(() => task && task.abort && task.abort(), 30000)
  })
}

module.exports = {
  get: (url, data) => http('GET', url, data),
  post: (url, data) => http('POST', url, data),
  upload: (filePath) =>
    new Promise((resolve, reject) => wx.uploadFile({ url: host + '/upload', filePath, name: 'file', formData: { scene: 'avatar' }, success: (r) => resolve(JSON.parse(r.data)), fail: reject }))
}
