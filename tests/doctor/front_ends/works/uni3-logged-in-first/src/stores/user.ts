import { defineStore } from 'pinia'
import { reactive } from 'vue'
import { loginApi, phoneApi } from '@/apis/user'

export const useUserStore = defineStore('user', () => {
  const state = reactive({ isLogin: false, masked: '' })

  const login = async () => {
    const { code } = await uni.login()
    const { success } = await loginApi({ code })
    state.isLogin = success
  }

  const getPhone = async (params: { code: string }) => {
    const result = await phoneApi(params, { result: { success: true, data: { masked: '111****1111' } } })
    if (result.success && result.data?.masked) state.masked = result.data.masked
    return result
  }

  return { state, login, getPhone }
})
