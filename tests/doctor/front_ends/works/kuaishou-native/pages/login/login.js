Page({
  onLoad() {
    ks.login({
      success: (res) => {
        this.js_code = res.code
      }
    })
  },
  getPhone(e) {
    const { encryptedData, iv, errMsg } = e.detail
    if (errMsg !== 'getPhoneNumber:ok') return
    ks.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { js_code: this.js_code, encryptedData, iv },
      success: (res) => ks.setStorageSync({ key: 'token', data: res.data.token })
    })
  }
})
