import Taro from '@tarojs/taro'
import { PhoneButton } from '../../components/PhoneButton'

export default function Login() {
  const submit = (authorization) =>
    Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { authorization } })
  return <PhoneButton onAuthorized={submit}>手机号登录</PhoneButton>
}
