import { createAlova } from 'alova'
import AdapterUniapp from '@alova/adapter-uniapp'

export const alovaInstance = createAlova({
  baseURL: 'https://api.example.com',
  ...AdapterUniapp(),
  beforeRequest(method) {
    method.config.headers.token = uni.getStorageSync('token')
  },
  responded: { onSuccess: async (response: any) => response.data },
})
