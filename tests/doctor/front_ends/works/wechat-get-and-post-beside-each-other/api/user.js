import { get, post } from '../utils/http'

// 首页商品
export const getProducts = (page) => get('/products', { page })
// 静默登录，换自己的 token
export const silentLogin = (code) => get('/login', { code })
// 绑定手机号
export const bindPhone = (code) => post('/user/phone', { code })
export const getProfile = () => get('/user/profile')
