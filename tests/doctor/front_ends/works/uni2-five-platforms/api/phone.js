import { request } from '@/utils/request'

export const exchange = (data) => request('/phone', { method: 'POST', data })
