import { userApi, shopApi } from '../../api/index'

Page({
  async onLoad() {
    this.setData({ shops: await shopApi.list({ page: 1 }) })
  },
  async onPhone({ detail }) {
    if (!detail.code) return
    const { token } = await userApi.phoneLogin({ code: detail.code })
    wx.setStorageSync('token', token)
    this.setData({ info: await userApi.info() })
  }
})
