import { useEffect, useState } from 'react'
import Taro from '@tarojs/taro'
import { Button } from '@tarojs/components'

export default function Login() {
  const [code, setCode] = useState('')

  useEffect(() => {
    if (!code) return
    Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
  }, [code])

  return <Button openType='getPhoneNumber' onGetPhoneNumber={(e) => setCode(e.detail.code || '')}>登录</Button>
}
