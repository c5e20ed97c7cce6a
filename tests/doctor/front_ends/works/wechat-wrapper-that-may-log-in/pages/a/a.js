import { request } from '../../utils/request'
Page({
  async onLoad() {
    this.setData({ home: await request('/home') })
  },
  async onPhone({ detail: { encryptedData, iv } }) {
    if (iv) await request('/phone', { encryptedData, iv })
  }
})
