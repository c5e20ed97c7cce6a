const send = (method) => (url, data) =>
  new Promise((resolve, reject) =>
    wx.request({ url: 'https://api.example.com' + url, method, data, success: (r) => resolve(r.data), fail: reject })
  )

export const http = { get: send('GET'), post: send('POST') }
