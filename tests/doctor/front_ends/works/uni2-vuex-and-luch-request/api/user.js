import http from '@/common/http.js'

// 静默登录
export const silentLogin = (code) => http.get('/user/login', { params: { code } })
// 手机号登录
export const phoneLogin = (data) => http.post('/user/phoneLogin', data)
