import Taro from '@tarojs/taro'

export const post = (url, data) => Taro.request({ url: 'https://api.example.com' + url, method: 'POST', data })
