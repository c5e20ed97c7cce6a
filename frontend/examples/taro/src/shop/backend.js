import Taro from '@tarojs/taro'

// Your own back end takes the body, asks the service with its server key, and answers with what the page may see.
export const post = (body) =>
  Taro.request({ url: 'https://shop.example.com/member', method: 'POST', data: body })
    .then(({ statusCode, data }) => ({ status: statusCode, body: data }))
