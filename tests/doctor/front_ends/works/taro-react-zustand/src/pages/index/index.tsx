import { Button } from '@tarojs/components'
import { useStore } from '../../store'

export default function Index() {
  const bind = useStore((s) => s.bind)
  return (
    <Button openType='getPhoneNumber' onGetPhoneNumber={async (e) => { if (e.detail.code) await bind(e.detail.code) }}>
      登录
    </Button>
  )
}
