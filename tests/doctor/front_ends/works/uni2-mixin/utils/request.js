const baseURL = process.env.NODE_ENV === 'development' ? 'https://dev.example.com' : 'https://api.example.com'

export default ({ url, data = {}, method = 'POST' }) =>
  new Promise((resolve, reject) => {
    uni.request({
      url: baseURL + url,
      data,
      method,
      header: { Authorization: uni.getStorageSync('token') },
      success: (res) => resolve(res.data),
      fail: reject
    })
  })
