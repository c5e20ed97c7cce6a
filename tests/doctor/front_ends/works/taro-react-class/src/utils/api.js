import Taro from '@tarojs/taro'

export default {
  baseOptions(params, method = 'GET') {
    const { url, data } = params
    return Taro.request({ url: 'https://api.example.com' + url, data, method }).then((res) => res.data)
  },
  get(url, data = '') {
    return this.baseOptions({ url, data })
  },
  post(url, data) {
    return this.baseOptions({ url, data }, 'POST')
  }
}
