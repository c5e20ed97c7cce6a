import Taro from '@tarojs/taro'
import { Button } from '@tarojs/components'

export default function Index() {
  const getPhoneNumber = (e) => {
    Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: e.detail.code } })
  }
  return <Button openType='getPhoneNumber' bindgetphonenumber={getPhoneNumber}>按钮</Button>
}
