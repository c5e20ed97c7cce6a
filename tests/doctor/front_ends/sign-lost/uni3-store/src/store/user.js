import { defineStore } from 'pinia'
import { decryptPhone } from '@/api/user'

export const useUserStore = defineStore('user', {
  state: () => ({ cipher: '' }),
  actions: {
    setCipher(cipher) {
      this.cipher = cipher
    },
    async login() {
      return decryptPhone({ content: this.cipher })
    }
  }
})
