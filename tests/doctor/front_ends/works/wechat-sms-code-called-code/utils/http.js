exports.post = (url, data) => new Promise((ok, no) => wx.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: (r) => ok(r.data), fail: no }))
