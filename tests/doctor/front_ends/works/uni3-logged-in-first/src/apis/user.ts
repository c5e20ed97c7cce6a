import { sendRequest } from './request'

export const loginApi = (params: { code: string }) => sendRequest({ url: '/login', params })
export const phoneApi = (params: { code: string }, test?: { result: any }) => sendRequest({ url: '/phone', params, test })
