Page({
  onPhone(e) {
    const { code } = e.detail
    ks.request({ url: 'https://api.example.com/phone', method: 'POST', data: { phone_code: code } })
  }
})
