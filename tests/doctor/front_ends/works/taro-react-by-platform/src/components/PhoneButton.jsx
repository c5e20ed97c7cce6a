import Taro from '@tarojs/taro'
import { Button } from '@tarojs/components'

const isAlipay = process.env.TARO_ENV === 'alipay'

export function PhoneButton({ onAuthorized, children }) {
  const onWeapp = (e) => {
    if (e.detail.code) onAuthorized({ code: e.detail.code })
  }
  const onAlipay = () => {
    my.getPhoneNumber({
      success: (res) => onAuthorized({ response: res.response }),
      fail: () => Taro.showToast({ title: '授权失败', icon: 'none' })
    })
  }
  const props = isAlipay
    ? { openType: 'getAuthorize', scope: 'phoneNumber', onGetAuthorize: onAlipay }
    : { openType: 'getPhoneNumber', onGetPhoneNumber: onWeapp }
  return <Button {...props}>{children}</Button>
}
