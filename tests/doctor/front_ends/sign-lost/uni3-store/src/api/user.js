import { post } from '@/utils/request'

export const decryptPhone = (data) => post('/alipay/decrypt', data)
