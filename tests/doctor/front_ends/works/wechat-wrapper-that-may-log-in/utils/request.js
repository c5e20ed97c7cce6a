let token = wx.getStorageSync('token')

const login = () =>
  new Promise((resolve, reject) => {
    wx.login({
      success: ({ code }) =>
        wx.request({
          url: 'https://api.example.com/login',
          method: 'POST',
          data: { code },
          success: ({ data }) => {
            token = data.token
            wx.setStorageSync('token', token)
            resolve(token)
          },
          fail: reject
        })
    })
  })

export async function request(path, data) {
  if (!token) await login()
  return new Promise((resolve, reject) =>
    wx.request({ url: 'https://api.example.com' + path, method: 'POST', header: { token }, data, success: (r) => resolve(r.data), fail: reject })
  )
}
