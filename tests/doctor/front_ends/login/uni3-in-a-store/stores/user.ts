import { defineStore } from 'pinia'

export const useUserStore = defineStore('user', {
  state: () => ({ token: '' }),
  actions: {
    async code(): Promise<string> {
      const res = await uni.login({ provider: 'weixin' })
      return res.code
    },
    async signIn(detail: { encryptedData: string; iv: string }) {
      const js_code = await this.code()
      const { data } = await uni.request({ url: 'https://api.example.com/sign-in', method: 'POST', data: { js_code, encryptedData: detail.encryptedData, iv: detail.iv } })
      this.token = (data as { token: string }).token
    },
  },
})
