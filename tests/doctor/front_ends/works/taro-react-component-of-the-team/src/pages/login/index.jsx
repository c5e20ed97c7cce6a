import Taro from '@tarojs/taro'
import PhoneButton from '../../components/PhoneButton'

export default function Login() {
  const login = (code) => Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
  return (
    <PhoneButton type='primary' onPhone={login} onDeny={(why) => console.log(why)}>登录</PhoneButton>
  )
}
