const post = (url, data) =>
  new Promise((ok, no) => uni.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: (r) => ok(r.data), fail: no }))
export const getPhone = (data) => post('/wx/phone', data)
export const register = (data) => post('/register', data)
