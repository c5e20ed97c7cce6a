import Taro from '@tarojs/taro'

export const wxLogin = (data) => Taro.request({ url: 'https://api.example.com/login', method: 'POST', data })
