import Taro from '@tarojs/taro'
import { Button } from '@tarojs/components'

export default function Login() {
  const onPhone = (e) => {
    if (e.detail.code) Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: e.detail.code } })
  }
  return <Button openType='getPhoneNumber' onGetPhoneNumber={onPhone}>登录</Button>
}
