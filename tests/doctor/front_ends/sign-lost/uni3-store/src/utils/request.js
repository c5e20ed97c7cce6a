export const post = (url, data) => uni.request({ url: 'https://api.example.com' + url, method: 'POST', data })
