// 埋点
module.exports = function track(event, params = {}) {
  const query = Object.keys(params).map((k) => `${k}=${encodeURIComponent(params[k])}`).join('&')
  wx.request({ url: `https://log.example.com/pixel.gif?event=${event}&${query}` })
}
