import Taro from '@tarojs/taro'
import type { ButtonProps } from '@tarojs/components'
import { useMemo, useState } from 'react'

export function usePhone(onDone: (token: string) => void) {
  const [loading, setLoading] = useState(false)
  const props = useMemo<ButtonProps>(
    () => ({
      openType: 'getPhoneNumber',
      onGetPhoneNumber: async ({ detail }) => {
        if (!detail.code) return
        setLoading(true)
        const { data } = await Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: detail.code } })
        setLoading(false)
        onDone(data.token)
      },
    }),
    [onDone],
  )
  return { ...props, loading }
}
