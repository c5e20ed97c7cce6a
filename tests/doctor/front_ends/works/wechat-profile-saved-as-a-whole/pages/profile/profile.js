import { send } from '../../utils/request'
Page({
  data: { profile: {} },
  async onLoad() {
    this.setData({ profile: await send('GET', '/profile') })
  },
  onNickname(e) {
    this.setData({ 'profile.nickname': e.detail.value })
  },
  save() {
    send('PUT', '/profile', this.data.profile).then(() => wx.navigateBack())
  }
})
