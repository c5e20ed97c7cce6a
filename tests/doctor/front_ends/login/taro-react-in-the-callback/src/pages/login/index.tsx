import Taro from '@tarojs/taro'
import { Button } from '@tarojs/components'
import { wxLogin } from '../../api'

export default function Login() {
  const onPhone = async (e) => {
    const { encryptedData, iv } = e.detail
    const { code } = await Taro.login()
    await wxLogin({ code, encryptedData, iv })
  }
  return <Button openType='getPhoneNumber' onGetPhoneNumber={onPhone}>登录</Button>
}
