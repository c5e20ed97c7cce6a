import request from '@/utils/request'

export const loginPhone = (data) => request.post('/login/phone', data)
