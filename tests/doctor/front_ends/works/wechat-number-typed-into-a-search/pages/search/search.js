const http = require('../../utils/http')
Page({
  data: { customers: [] },
  async search(e) {
    const phone = e.detail.value
    const { list } = await http.get('/customers', { phone })
    this.setData({ customers: list })
  },
  async open(e) {
    const { phone } = e.currentTarget.dataset
    const orders = await http.get('/orders', { phone })
    this.setData({ orders })
  }
})
