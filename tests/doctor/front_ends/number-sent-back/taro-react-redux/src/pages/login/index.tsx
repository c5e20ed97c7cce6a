import { Button } from '@tarojs/components'
import { useDispatch } from 'react-redux'
import { bind, fetchPhone } from '../../store'

export default function Login() {
  const dispatch = useDispatch<any>()
  const onPhone = async (e) => {
    if (!e.detail.code) return
    await dispatch(fetchPhone(e.detail.code))
    await dispatch(bind())
  }
  return <Button openType='getPhoneNumber' onGetPhoneNumber={onPhone}>登录</Button>
}
