import { Button as NutButton } from '@nutui/nutui-react-taro'
import Taro from '@tarojs/taro'

export default () => {
  const onGet = async (e: any) => {
    if (!e.detail.code) return
    const { data } = await Taro.request({ url: 'https://api.example.com/login', method: 'POST', data: { phoneCode: e.detail.code } })
    Taro.setStorageSync('token', data.token)
  }
  return <NutButton type='primary' openType='getPhoneNumber' onGetPhoneNumber={onGet}>登录</NutButton>
}
