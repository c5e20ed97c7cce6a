export function send(authorization) {
  return uni.request({ url: 'https://api.example.com/phone', method: 'POST', data: { authorization } })
}
