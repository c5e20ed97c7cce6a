export function submit(params) {
  return new Promise((ok) => wx.request({ url: 'https://api.example.com/list', data: params, success: ok }))
}
export function prepare() {
  wx.login({ success: ({ code }) => submit({ code }) })
}
