const http = require('../../utils/http')
Page({
  async onPhone(e) {
    const { code } = e.detail
    if (code) this.setData({ me: await http({ url: '/phone', data: { code } }) })
    const list = await http({ url: '/coupons', method: 'get' })
    this.setData({ list })
  }
})
