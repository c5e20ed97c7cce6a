import Taro from '@tarojs/taro'
import { View } from '@tarojs/components'
import { AtButton } from 'taro-ui'

export default function Index() {
  const getPhoneNumber = async (e) => {
    const { code } = e.detail
    if (!code) {
      console.log('用户拒绝授权手机号')
      return
    }
    await Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
  }

  return (
    <View className='index'>
      <AtButton type='primary' openType='getPhoneNumber' onGetPhoneNumber={getPhoneNumber}>点击授权手机号</AtButton>
    </View>
  )
}
