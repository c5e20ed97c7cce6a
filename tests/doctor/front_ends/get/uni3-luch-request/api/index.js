import http from '@/utils/http'

export const getUserPhone = (params) => http.get('/user/phone', { params })
export const updateUser = (data) => http.post('/user', data)
