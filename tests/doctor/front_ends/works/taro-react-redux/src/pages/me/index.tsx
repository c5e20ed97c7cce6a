import { Button, Text, View } from '@tarojs/components'
import { useDispatch, useSelector } from 'react-redux'
import { loginByPhone } from '../../store/user'

const Me = () => {
  const dispatch = useDispatch<any>()
  const masked = useSelector((state: any) => state.user.masked)

  const handle = (e) => {
    if (e.detail.code) dispatch(loginByPhone(e.detail.code))
  }

  return (
    <View>
      {masked ? <Text>{masked}</Text> : <Button openType='getPhoneNumber' onGetPhoneNumber={handle}>绑定</Button>}
    </View>
  )
}

export default Me
