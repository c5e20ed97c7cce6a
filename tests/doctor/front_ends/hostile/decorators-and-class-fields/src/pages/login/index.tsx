import { Button } from '@tarojs/components'
import { observer } from 'mobx-react'
import { userStore } from '../../stores/user'

const Login = observer(() => (
  <Button
    openType='getPhoneNumber'
    disabled={userStore.busy}
    onGetPhoneNumber={(e) => void (e.detail.code && userStore.phone(e.detail.code))}
  >
    登录
  </Button>
))

export default Login
