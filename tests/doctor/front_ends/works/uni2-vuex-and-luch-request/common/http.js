import Request from '@/js_sdk/luch-request/luch-request/index.js'

const http = new Request({ baseURL: 'https://api.example.com', header: { 'content-type': 'application/json' } })

http.interceptors.request.use((config) => {
  config.header = { ...config.header, token: uni.getStorageSync('token') }
  return config
}, (config) => Promise.reject(config))

http.interceptors.response.use((response) => response.data, (response) => Promise.reject(response))

export default http
