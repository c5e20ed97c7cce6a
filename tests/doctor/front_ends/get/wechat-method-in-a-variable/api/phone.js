import { METHOD } from '../common/methods'
import { send } from '../utils/send'

export const exchangePhone = (data) => send({ path: '/phone', method: METHOD.READ, data })
export const saveProfile = (data) => send({ path: '/profile', method: METHOD.WRITE, data })
