const { post } = require('../../utils/request')

Page({
  data: { phone: '', smsCode: '' },
  fill(e) {
    if (!e.detail.code) return
    post('/phone/look', { code: e.detail.code }).then((res) => {
      this.setData({ phone: res.phone })
      post('/sms/send', { phone: res.phone, scene: 'change', smsTemplate: 1 })
    })
  },
  onCode(e) {
    this.setData({ smsCode: e.detail.value })
  },
  confirm() {
    // 服务端校验短信验证码之后才更换
    post('/phone/change', { phone: this.data.phone, smsCode: this.data.smsCode }).then(() => wx.navigateBack())
  }
})
