import Taro from '@tarojs/taro'
import { Button } from '@tarojs/components'
import { usePhone } from '../../hooks/usePhone'

export default function Login() {
  const phone = usePhone((token) => Taro.setStorageSync('token', token))
  return <Button {...phone}>登录</Button>
}
