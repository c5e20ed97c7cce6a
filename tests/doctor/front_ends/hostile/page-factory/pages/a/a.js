import { createPage } from '../../utils/page'

createPage({
  data: { name: '' },
  onPhone({ detail }) {
    if (detail.code) wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: detail.code } })
  }
})
