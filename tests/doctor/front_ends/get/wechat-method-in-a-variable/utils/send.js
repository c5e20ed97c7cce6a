export const send = ({ path, method, data }) =>
  new Promise((resolve, reject) => {
    wx.request({ url: 'https://api.example.com' + path, method, data, success: resolve, fail: reject })
  })
