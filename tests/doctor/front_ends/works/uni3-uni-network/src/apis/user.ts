import { sendRequest } from './request'

export const getPhoneNumberApi = async (params: { code: string }) =>
  sendRequest<{ masked: string }>({ url: 'https://api.example.com/phone', params })
