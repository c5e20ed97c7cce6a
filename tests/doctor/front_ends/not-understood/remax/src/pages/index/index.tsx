import * as React from 'react'
import { Button, request } from 'remax/wechat'

export default () => {
  const onPhone = (e) => request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: e.detail.code } })
  return <Button openType="getPhoneNumber" onGetPhoneNumber={onPhone}>登录</Button>
}
