const request = (method) => (url, data) => uni.request({ url: 'https://api.example.com' + url, method, data })

export const http = { get: request('GET'), post: request('POST') }
