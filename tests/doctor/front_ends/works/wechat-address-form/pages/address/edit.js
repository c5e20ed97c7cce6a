const request = require('../../utils/request')

Page({
  data: { address: { id: 0, name: '', tel: '', detail: '' } },
  onLoad(options) {
    if (options.id) {
      request('/address/detail', { id: options.id }, 'GET').then((res) => {
        this.setData({ address: res.data })
      })
    }
  },
  onTel(e) {
    this.setData({ 'address.tel': e.detail.value })
  },
  save(e) {
    const { name, tel, detail } = e.detail.value
    if (!/^1\d{10}$/.test(tel)) {
      wx.showToast({ title: '手机号格式不正确', icon: 'none' })
      return
    }
    request('/address/save', { id: this.data.address.id, name, tel, detail }).then(() => wx.navigateBack())
  }
})
