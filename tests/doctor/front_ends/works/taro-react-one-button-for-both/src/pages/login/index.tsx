import Taro from '@tarojs/taro'
import { Button } from '@tarojs/components'

const isAlipay = process.env.TARO_ENV === 'alipay'
const post = (data: object) => Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data })

export default function Login() {
  return (
    <Button
      openType={isAlipay ? 'getAuthorize' : 'getPhoneNumber'}
      scope='phoneNumber'
      onGetAuthorize={() => my.getPhoneNumber({ success: ({ response }) => post({ response }) })}
      onGetPhoneNumber={(e) => { e.detail.code && post({ code: e.detail.code }) }}
    >
      登录
    </Button>
  )
}
