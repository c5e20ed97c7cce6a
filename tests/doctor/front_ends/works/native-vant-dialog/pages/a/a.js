Page({
  data: { show: true },
  onPhone({ detail }) {
    if (detail.code) wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: detail.code } })
  }
})
