const { post } = require('../../libs/vendor.min.js')

Page({
  onPhone(e) {
    if (e.detail.code) post('https://api.example.com/phone', { code: e.detail.code })
  }
})
