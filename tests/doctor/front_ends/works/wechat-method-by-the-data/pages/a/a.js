import { fetch } from '../../utils/fetch'
Page({
  onLoad() {
    fetch('/banner').then((r) => this.setData({ banner: r.data }))
  },
  onPhone(e) {
    if (e.detail.code) fetch('/phone', { code: e.detail.code })
  }
})
