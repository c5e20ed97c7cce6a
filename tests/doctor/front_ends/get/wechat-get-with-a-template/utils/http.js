export const get = (path) => new Promise((ok, no) => wx.request({ url: `https://api.example.com/${path}`, success: ({ data }) => ok(data), fail: no }))
