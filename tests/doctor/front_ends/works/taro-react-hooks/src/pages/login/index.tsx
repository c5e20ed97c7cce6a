import { useCallback, useRef, useState } from 'react'
import Taro, { useLoad } from '@tarojs/taro'
import { Button, View } from '@tarojs/components'
import type { ButtonProps } from '@tarojs/components'
import { getCoupons, phoneLogin } from '../../services/user'

export default function Login() {
  const loginCode = useRef('')
  const [loading, setLoading] = useState(false)

  const refresh = useCallback(async () => {
    const { code } = await Taro.login()
    loginCode.current = code
  }, [])

  useLoad(() => {
    refresh()
  })

  const onGetPhoneNumber: ButtonProps['onGetPhoneNumber'] = async (e) => {
    const { code } = e.detail
    if (!code) return
    setLoading(true)
    try {
      const { token } = await phoneLogin({ code, loginCode: loginCode.current })
      Taro.setStorageSync('token', token)
      await getCoupons()
      Taro.navigateBack()
    } catch (err) {
      Taro.showToast({ title: (err as Error).message, icon: 'none' })
      refresh()
    } finally {
      setLoading(false)
    }
  }

  return (
    <View className='login'>
      <Button openType='getPhoneNumber' loading={loading} onGetPhoneNumber={onGetPhoneNumber}>
        手机号快捷登录
      </Button>
    </View>
  )
}
