Page({
  onPhone(e) {
    if (!e.detail.code) {
      console.warn(e.detail.errno, e.detail.errMsg)
      return
    }
    has.request({
      url: 'https://api.example.com/huawei/phone',
      method: 'POST',
      data: { code: e.detail.code }
    })
  }
})
