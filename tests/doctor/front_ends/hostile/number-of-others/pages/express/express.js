import { get, post } from '../../utils/http'
Page({
  async onLoad({ id }) {
    this.setData({ order: await get('/orders/' + id) })
  },
  async ship() {
    const { receiver, id } = this.data.order
    await post('/express', { orderId: id, receiverName: receiver.name, receiverMobile: receiver.mobile, mobile: receiver.mobile })
  }
})
