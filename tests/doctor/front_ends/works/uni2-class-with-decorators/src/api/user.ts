import { post } from '@/utils/request'
export const login = (data: { code: string }) => post<{ token: string }>('/login', data)
