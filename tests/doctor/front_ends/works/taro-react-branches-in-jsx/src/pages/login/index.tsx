import Taro from '@tarojs/taro'
import { Button, View } from '@tarojs/components'

const post = (authorization: Record<string, string>) =>
  Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { authorization } })

export default function Login() {
  const fromWeapp = ({ detail }) => detail.code && post({ code: detail.code })
  const fromAlipay = () => {
    my.getPhoneNumber({ success: ({ response }) => post({ response }) })
  }
  return (
    <View>
      {process.env.TARO_ENV === 'alipay' ? (
        <Button openType='getAuthorize' scope='phoneNumber' onGetAuthorize={fromAlipay} onError={() => {}}>登录</Button>
      ) : (
        <Button openType='getPhoneNumber' onGetPhoneNumber={fromWeapp}>登录</Button>
      )}
    </View>
  )
}
