import request from '../../utils/request'

Page({
  bindPhone(e) {
    if (!e.detail.code) return
    request('/user/bind-phone', { code: e.detail.code }).then(() => {
      wx.showToast({ title: '已绑定' })
    })
  }
})
