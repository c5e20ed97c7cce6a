export function fetchJSON(path, { method = 'GET', body } = {}) {
  return new Promise((resolve, reject) => {
    wx.request({
      url: `https://api.example.com${path}`,
      method,
      data: body,
      success: ({ statusCode, data }) => (statusCode === 200 ? resolve(data) : reject(data)),
      fail: reject
    })
  })
}
