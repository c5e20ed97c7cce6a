import request from '@/utils/request'

export function wxPhone(params) {
  return request({ url: '/wx/phone', method: 'get', params })
}
