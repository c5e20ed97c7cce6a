export const login = (data) => uni.request({ url: 'https://api.example.com/login', method: 'POST', data })
