export function http(url, data = {}, method = 'GET') {
  return new Promise((resolve, reject) => {
    wx.request({
      url: 'https://api.example.com' + url,
      data,
      method,
      success: ({ data }) => resolve(data),
      fail: reject
    })
  })
}
