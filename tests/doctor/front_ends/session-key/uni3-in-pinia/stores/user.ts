import { defineStore } from 'pinia'
import { login, phone } from '@/api'

export const useUserStore = defineStore('user', {
  state: () => ({ openId: '', session_key: '' }),
  actions: {
    async login() {
      const { code } = await uni.login()
      const res = await login({ code })
      this.openId = res.openId
      this.session_key = res.session_key
    },
    async bind(detail: { encryptedData: string; iv: string }) {
      await phone({ ...detail, session_key: this.session_key })
    },
  },
})
