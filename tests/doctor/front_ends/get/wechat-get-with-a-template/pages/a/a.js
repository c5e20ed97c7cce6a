import { get } from '../../utils/http'
const stringify = (o) => Object.entries(o).map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join('&')
Page({
  onLoad() {
    wx.login({ success: ({ code }) => { this.code = code } })
  },
  async onPhone({ detail: { encryptedData, iv } }) {
    if (iv) this.setData(await get(`phone?${stringify({ code: this.code, encryptedData, iv })}`))
  }
})
