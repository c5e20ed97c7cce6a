const OK = /^getPhoneNumber:ok$/, URL = /https?:\/\/[^"'`\/]+\/?/g, BRACE = /[{}()\[\]]/
const sql = String.raw`C:\{${'}'}\n// wx.login({`
// wx.request({ data: { code: e.detail.code } })
/* wx.login({ success() { wx.request({ method: 'GET', data: { iv: e.detail.iv } }) } }) */
const help = "调用 wx.request({ url, data: { encryptedData: e.detail.encryptedData } }) 即可"

Page({
  onPhone(e) {
    if (!OK.test(e.detail.errMsg) || BRACE.test(sql) && !URL) return
    wx.request({ url: `https://api.example.com/${help ? `phone${''}` : '?a={'}`, method: `POST`, data: { code: e.detail.code } })
  }
})
