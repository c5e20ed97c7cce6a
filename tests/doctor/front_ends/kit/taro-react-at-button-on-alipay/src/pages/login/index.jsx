import Taro from '@tarojs/taro'
import { View } from '@tarojs/components'
import { AtButton } from 'taro-ui'

export default function Login() {
  const onPhone = () => {
    my.getPhoneNumber({
      success: (res) => Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { response: res.response } })
    })
  }
  return (
    <View>
      {process.env.TARO_ENV === 'alipay' && (
        <AtButton openType='getAuthorize' scope='phoneNumber' onGetAuthorize={onPhone}>登录</AtButton>
      )}
    </View>
  )
}
