let refreshing = null

const relogin = () => {
  if (!refreshing) {
    refreshing = new Promise((resolve, reject) => {
      wx.login({
        success: ({ code }) => {
          wx.request({
            url: 'https://api.example.com/auth',
            method: 'POST',
            data: { code },
            success: ({ data }) => {
              wx.setStorageSync('token', data.token)
              resolve()
            },
            fail: reject
          })
        },
        fail: reject
      })
    }).finally(() => {
      refreshing = null
    })
  }
  return refreshing
}

export default function request(url, data, method = 'POST') {
  return new Promise((resolve, reject) => {
    wx.request({
      url: 'https://api.example.com' + url,
      data,
      method,
      header: { token: wx.getStorageSync('token') },
      success: (res) => {
        if (res.statusCode === 401) {
          relogin().then(() => request(url, data, method)).then(resolve, reject)
          return
        }
        resolve(res.data)
      },
      fail: reject
    })
  })
}
