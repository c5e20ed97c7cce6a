import Taro from '@tarojs/taro'

const service = async (path: string, data: unknown) => {
  const res = await Taro.request({ method: 'POST', url: `https://api.example.com${path}`, data })
  return res.data
}

export const login = (code: string) => service('/login', { code })
