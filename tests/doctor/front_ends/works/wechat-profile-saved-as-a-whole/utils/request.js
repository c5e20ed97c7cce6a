export const send = (method, url, data) =>
  new Promise((resolve, reject) =>
    wx.request({ url: 'https://api.example.com' + url, method, data, header: { token: wx.getStorageSync('token') }, success: (r) => resolve(r.data), fail: reject })
  )
