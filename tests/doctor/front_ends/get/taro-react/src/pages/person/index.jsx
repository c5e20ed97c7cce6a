import Taro from '@tarojs/taro'
import { Button } from '@tarojs/components'

export default function Person() {
  const getTel = (e) => {
    const { code } = e.detail
    if (!code) return
    Taro.request({
      url: 'https://api.example.com/phone',
      data: { code },
      success(res) {
        console.log(res.data)
      }
    })
  }
  return <Button openType='getPhoneNumber' onGetPhoneNumber={getTel}>登录</Button>
}
