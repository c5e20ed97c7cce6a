import { Button } from '@tarojs/components'
import { useMemoizedFn, useRequest } from 'ahooks'
import { login } from '../../services/login'

const Login = () => {
  const { runAsync, loading } = useRequest(login, { manual: true })
  const handleGetPhoneNumber = useMemoizedFn(async (e) => {
    const { code } = e.detail
    if (code) await runAsync(code)
  })
  return <Button openType='getPhoneNumber' loading={loading} onGetPhoneNumber={handleGetPhoneNumber}>一键登录</Button>
}

export default Login
