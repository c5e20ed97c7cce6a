const co = require('../../libs/co')
const { post } = require('../../utils/net')

Page({
  onPhone: co(function* (e) {
    if (!e.detail.code) return
    const user = yield post('/phone', { code: e.detail.code })
    this.setData({ user })
  })
})
