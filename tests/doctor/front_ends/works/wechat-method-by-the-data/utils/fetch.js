export function fetch(path, body, method) {
  return new Promise((resolve, reject) => {
    wx.request({
      url: 'https://api.example.com' + path,
      method: method || (body ? 'POST' : 'GET'),
      data: body,
      success: resolve,
      fail: reject
    })
  })
}
