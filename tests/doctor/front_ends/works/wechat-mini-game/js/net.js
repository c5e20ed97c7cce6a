export function login(code) {
  wx.request({ url: 'https://api.example.com/game/login', method: 'POST', data: { code } })
}
