import { http } from '../../utils/http'

Page({
  save() {
    http('/profile', this.data.profile, 'POST')
  },
  async onPhone(e) {
    if (!e.detail.code) return
    const user = await http('/phone', { code: e.detail.code })
    this.setData({ user })
  }
})
