import { defineStore } from 'pinia'
import { getPhone, register } from '@/apis/user'

export const useUserStore = defineStore('user', {
  state: () => ({ phone: '', token: '' }),
  actions: {
    async fetchPhone(code: string) {
      const res = await getPhone(code)
      this.phone = res.phoneNumber
    },
    async register(nickname: string) {
      const res = await register({ nickname, phone: this.phone })
      this.token = res.token
    },
  },
})
