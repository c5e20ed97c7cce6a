export const phoneLogin = (data) =>
  new Promise((resolve, reject) => {
    uni.request({ url: 'https://api.example.com/phone', method: 'POST', data, success: resolve, fail: reject })
  })
