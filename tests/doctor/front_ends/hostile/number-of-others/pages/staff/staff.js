import { get, post } from '../../utils/http'
Page({
  async onShow() {
    const { list } = await get('/staff')
    this.setData({ staff: list })
  },
  remove(e) {
    const { id, phone } = e.currentTarget.dataset.item
    post('/staff/remove', { id, phone })
  }
})
