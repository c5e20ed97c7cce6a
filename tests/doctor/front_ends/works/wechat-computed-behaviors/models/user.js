import { observable, action } from 'mobx-miniprogram'
import { post } from '../utils/net'

export const user = observable({
  token: '',
  signIn: action(async function (data) {
    this.token = (await post('/sign-in', data)).token
  })
})
