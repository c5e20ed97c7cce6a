import { useRef, useState } from 'react'
import Taro from '@tarojs/taro'
import { Button, Checkbox, View } from '@tarojs/components'

export default function Login() {
  const [agreed, setAgreed] = useState(false)
  const ready = useRef(false)

  const onPhone = async (e) => {
    if (!agreed) {
      Taro.showToast({ title: '请先同意协议', icon: 'none' })
      return
    }
    if (!ready.current || !e.detail.code) return
    await Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: e.detail.code } })
  }
  return (
    <View>
      <Checkbox checked={agreed} onClick={() => { ready.current = true; setAgreed(!agreed) }}>同意</Checkbox>
      <Button openType='getPhoneNumber' onGetPhoneNumber={onPhone}>登录</Button>
    </View>
  )
}
