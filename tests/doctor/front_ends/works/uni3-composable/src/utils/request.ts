export const post = (url: string, data: object) =>
  new Promise((resolve, reject) => {
    uni.request({ url: `https://api.example.com${url}`, method: 'POST', data, success: (r) => resolve(r.data), fail: reject })
  })
