import request from '@/utils/request.js'

export function bindPhone(data) {
  return request.post('v2/auth_bindind_phone', data, { noAuth: true })
}
