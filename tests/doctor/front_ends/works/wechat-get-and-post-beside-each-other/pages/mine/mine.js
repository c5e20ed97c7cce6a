import { bindPhone, getProfile } from '../../api/user'

Page({
  data: { profile: {} },
  async onShow() {
    this.setData({ profile: await getProfile() })
  },
  async onBind({ detail }) {
    if (detail.errMsg !== 'getPhoneNumber:ok') return
    try {
      await bindPhone(detail.code)
      wx.showToast({ title: '绑定成功' })
      this.onShow()
    } catch (err) {
      wx.showToast({ title: err.message || '绑定失败', icon: 'none' })
    }
  }
})
