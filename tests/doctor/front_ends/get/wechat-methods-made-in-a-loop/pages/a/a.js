import api from '../../utils/api'

Page({
  onPhone(e) {
    if (e.detail.code) api.get('/phone', { code: e.detail.code })
  },
  save() {
    api.post('/save', this.data)
  }
})
