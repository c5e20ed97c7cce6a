const post = async (url: string, data: object): Promise<any> => {
  const res = await uni.request({ url: 'https://api.example.com' + url, method: 'POST', data })
  return res.data
}

export const getPhone = (code: string) => post('/phone', { code })
export const register = (data: { nickname: string; phone: string }) => post('/register', data)
