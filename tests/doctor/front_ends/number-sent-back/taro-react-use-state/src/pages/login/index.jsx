import { useState } from 'react'
import Taro from '@tarojs/taro'
import { Button, Text, View } from '@tarojs/components'

const post = async (path, data) => (await Taro.request({ url: 'https://api.example.com' + path, method: 'POST', data })).data

export default function Login() {
  const [mobile, setMobile] = useState('')

  const onPhone = async (e) => {
    if (!e.detail.code) return
    const res = await post('/wx/phone', { code: e.detail.code })
    setMobile(res.purePhoneNumber)
  }
  const login = () => post('/login', { mobile }).then((r) => Taro.setStorageSync('token', r.token))

  return (
    <View>
      <Button openType='getPhoneNumber' onGetPhoneNumber={onPhone}>获取手机号</Button>
      <Text>{mobile}</Text>
      <Button onClick={login}>登录</Button>
    </View>
  )
}
