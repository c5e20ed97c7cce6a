const post = async (url: string, data: object): Promise<any> => (await uni.request({ url: 'https://api.example.com' + url, method: 'POST', data })).data

export const login = (data: object) => post('/login', data)
export const phone = (data: object) => post('/phone', data)
