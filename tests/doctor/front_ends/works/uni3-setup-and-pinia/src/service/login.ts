import { http } from '@/utils/http'
import type { UserInfo } from '@/types/user'

export const loginByPhone = (data: { phoneCode: string; loginCode: string }) => http.post<UserInfo>('/login/phone', data)
export const getUserInfo = () => http.get<UserInfo>('/user/info')
