import { defineStore } from 'pinia'
import { ref } from 'vue'
import { getUserInfo, loginByPhone } from '@/service/login'
import type { UserInfo } from '@/types/user'

export const useUserStore = defineStore(
  'user',
  () => {
    const info = ref<Partial<UserInfo>>({})
    const loginCode = ref('')

    const prepare = async () => {
      const { code } = await uni.login({ provider: 'weixin' })
      loginCode.value = code
    }

    const phoneLogin = async (phoneCode: string) => {
      const { data } = await loginByPhone({ phoneCode, loginCode: loginCode.value })
      info.value = data
      await refresh()
    }

    const refresh = async () => {
      const { data } = await getUserInfo()
      info.value = { ...info.value, ...data }
    }

    return { info, prepare, phoneLogin, refresh }
  },
  { persist: true },
)
