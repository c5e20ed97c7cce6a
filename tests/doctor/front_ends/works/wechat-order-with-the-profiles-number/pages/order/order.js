const { post } = require('../../utils/request')
const app = getApp()

Page({
  submit() {
    const { user } = app.globalData
    post('/orders', { skuId: this.data.skuId, contact: user.nickname, mobile: user.mobile })
  }
})
