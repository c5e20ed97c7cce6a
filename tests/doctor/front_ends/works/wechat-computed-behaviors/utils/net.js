export const post = (path, data) => new Promise((ok, no) => wx.request({ url: 'https://api.example.com' + path, method: 'POST', data, success: (r) => ok(r.data), fail: no }))
