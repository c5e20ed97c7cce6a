import { useState } from 'react'
import Taro, { useDidShow } from '@tarojs/taro'
import { Button } from '@tarojs/components'

export default function Login() {
  const [code, setCode] = useState('')

  useDidShow(() => {
    Taro.login({ success: (res) => setCode(res.code) })
  })

  const onPhone = (e) => {
    if (e.detail.errMsg !== 'getPhoneNumber:ok') return
    Taro.request({ url: 'https://api.example.com/login', method: 'POST', data: { phoneCode: code } })
  }
  return <Button openType='getPhoneNumber' onGetPhoneNumber={onPhone}>登录</Button>
}
