const DEFAULTS = { method: 'POST', dataType: 'json', header: { 'content-type': 'application/json' }, timeout: 10000 }

module.exports = (options) =>
  new Promise((resolve, reject) => {
    const merged = Object.assign({}, DEFAULTS, options)
    merged.url = 'https://api.example.com' + options.url
    merged.method = merged.method.toUpperCase()
    merged.success = (res) => resolve(res.data)
    merged.fail = reject
    wx.request(merged)
  })
