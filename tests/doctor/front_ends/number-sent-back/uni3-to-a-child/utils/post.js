export const post = async (url, data) => (await uni.request({ url: 'https://api.example.com' + url, method: 'POST', data })).data
