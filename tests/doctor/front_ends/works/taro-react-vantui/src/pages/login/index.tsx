import Taro from '@tarojs/taro'
import { Button } from '@antmjs/vantui'

export default function Login() {
  const onGetPhoneNumber = (e) => {
    if (!e.detail.code) return
    Taro.request({ url: 'https://api.example.com/login', method: 'POST', data: { code: e.detail.code } })
  }
  return <Button type='primary' block openType='getPhoneNumber' onGetPhoneNumber={onGetPhoneNumber}>登录</Button>
}
