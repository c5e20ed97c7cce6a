;(function (root, factory) {
  if (typeof define === 'function' && define.amd) define([], factory)
  else if (typeof module === 'object' && module.exports) module.exports = factory()
  else root.http = factory()
})(typeof self !== 'undefined' ? self : this, function () {
  return { post: (url, data) => new Promise((ok) => wx.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: ok })) }
})
