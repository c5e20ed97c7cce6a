const BASE_URL = 'https://api.example.com/v1'

const http = (method, path, data) =>
  new Promise((resolve, reject) => {
    wx.request({
      url: `${BASE_URL}${path}`,
      method,
      data,
      header: { Authorization: `Bearer ${wx.getStorageSync('token')}` },
      success: ({ data: body, statusCode }) => (statusCode < 400 ? resolve(body) : reject(body)),
      fail: reject
    })
  })

export const get = (path, params) => http('GET', path, params)
export const post = (path, body) => http('POST', path, body)
