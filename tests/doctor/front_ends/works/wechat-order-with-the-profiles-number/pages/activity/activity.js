const { post } = require('../../utils/request')
const app = getApp()

Page({
  apply() {
    // 报名表里的联系电话
    post('/activities/enroll', { id: this.data.id, name: app.globalData.user.nickname, contactPhone: app.globalData.user.mobile })
  }
})
