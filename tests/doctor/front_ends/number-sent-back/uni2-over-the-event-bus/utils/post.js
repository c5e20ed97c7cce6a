export const post = (url, data) => new Promise((ok) => uni.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: (r) => ok(r.data) }))
