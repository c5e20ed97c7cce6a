import Taro from '@tarojs/taro'
import { Button } from '@nutui/nutui-react-taro'

export default function Login() {
  const onPhone = (e) => Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: e.detail.code } })
  return <Button open-type='getPhoneNumber' onGetPhoneNumber={onPhone}>登录</Button>
}
