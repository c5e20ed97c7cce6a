export const exchange = (code) => uni.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
