const { post } = require('../../utils/request')

Page({
  data: { contactPhone: '' },
  // 自动填入联系电话，用户可以修改
  fill(e) {
    if (!e.detail.code) return
    post('/my/phone', { code: e.detail.code }).then((res) => {
      this.setData({ contactPhone: res.phoneNumber })
    })
  },
  submit(e) {
    const { contactName, contactPhone } = e.detail.value
    post('/orders', { goodsId: this.goodsId, contactName, contactPhone })
  }
})
