export function request(path, options = {}) {
  return new Promise((resolve, reject) => {
    uni.request({
      url: 'https://api.example.com' + path,
      ...options,
      success: (res) => resolve(res.data),
      fail: (err) => reject(err)
    })
  })
}
