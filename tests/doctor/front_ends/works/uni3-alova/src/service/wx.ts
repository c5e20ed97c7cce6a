import { alovaInstance as request } from './alova'

export const getPhoneNumber = (code: string) => request.Post<{ masked: string }>('/api/phone', { code })
export const wxLogin = (code: string) => request.Post<{ token: string }>('/api/wx-login', { code })
