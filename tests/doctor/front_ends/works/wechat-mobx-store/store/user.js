import { action, observable } from 'mobx-miniprogram'
import { http } from '../utils/http'

export const userStore = observable({
  token: '',
  phone: '',

  setUser: action(function (user) {
    this.token = user.token
    this.phone = user.maskedPhone
  }),

  loginWithPhone: action(async function (code) {
    const user = await http.post('/login/phone', { code })
    this.setUser(user)
  })
})
