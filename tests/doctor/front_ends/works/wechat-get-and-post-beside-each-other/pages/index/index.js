import { getProducts } from '../../api/user'

Page({
  data: { list: [], page: 1 },
  async onLoad() {
    this.setData({ list: await getProducts(this.data.page) })
  }
})
