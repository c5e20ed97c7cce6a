import { ref } from 'vue'
import { post } from '@/utils/request'

export function useLogin() {
  const loading = ref(false)

  const loginByPhone = async (e: any) => {
    const { code, errMsg } = e.detail
    if (!code) {
      console.log('未授权', errMsg)
      return
    }
    loading.value = true
    try {
      const res: any = await post('/login', { phoneCode: code })
      uni.setStorageSync('token', res.token)
    } finally {
      loading.value = false
    }
  }

  return { loading, loginByPhone }
}
