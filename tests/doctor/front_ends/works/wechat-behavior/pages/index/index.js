const phone = require('../../behaviors/phone')

Page({
  behaviors: [phone],
  afterPhone(user) {
    this.setData({ user })
  }
})
