import axios from 'axios'
import axiosAdapterUniapp from 'axios-adapter-uniapp'

const service = axios.create({
  baseURL: 'https://api.example.com',
  timeout: 10000,
  adapter: axiosAdapterUniapp
})

service.interceptors.request.use((config) => {
  config.headers['Authorization'] = 'Bearer ' + uni.getStorageSync('token')
  return config
})
service.interceptors.response.use((res) => res.data)

export default service
