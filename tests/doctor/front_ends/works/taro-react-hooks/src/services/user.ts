import { request } from '../utils/request'

export const phoneLogin = (data: { code: string; loginCode: string }) =>
  request<{ token: string }>({ url: '/login/phone', method: 'POST', data })

export const getCoupons = () => request<string[]>({ url: '/coupons', silent: true })
