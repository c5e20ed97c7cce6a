import Taro from '@tarojs/taro'
import { Button } from '@tarojs/components'

export default function Login() {
  const handle = async (e) => {
    if (!e.detail.code) return
    const { result } = await Taro.cloud.callFunction({ name: 'login', data: { phoneCode: e.detail.code } })
    Taro.setStorageSync('user', result.user)
  }
  return <Button openType='getPhoneNumber' onGetPhoneNumber={handle}>登录</Button>
}
