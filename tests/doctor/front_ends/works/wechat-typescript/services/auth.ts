import { post } from '../utils/request'

export interface LoginResult {
  token: string
  maskedPhone: string
}

export const loginByPhone = (phoneCode: string, loginCode: string) =>
  post<LoginResult>('/auth/phone', { phoneCode, loginCode })
