var Fly = require('flyio/dist/npm/wx')

const fly = new Fly()
fly.config.baseURL = 'https://api.example.com'
fly.interceptors.request.use((request) => {
  request.headers['token'] = uni.getStorageSync('token')
  return request
})

export default {
  get: (url, params) => fly.get(url, params).then((res) => res.data),
  post: (url, params) => fly.post(url, params).then((res) => res.data)
}
