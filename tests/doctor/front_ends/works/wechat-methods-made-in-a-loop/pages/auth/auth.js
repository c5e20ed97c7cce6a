const api = require('../../utils/api')

Page({
  onLoad() {
    api.get('/banner').then((list) => this.setData({ list }))
  },
  handlePhone(e) {
    const { code, errMsg } = e.detail
    if (errMsg.indexOf('ok') === -1) return
    api.post('/member/phone', { code }).then((res) => {
      if (res.success) wx.navigateBack()
    })
  }
})
