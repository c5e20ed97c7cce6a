const toPromise = (fn) => (options = {}) => new Promise((success, fail) => fn({ ...options, success, fail }))
const wxLogin = toPromise(wx.login)
const wxRequest = toPromise(wx.request)

Page({
  async onShow() {
    const { code } = await wxLogin()
    this.login_code = code
  },
  async submit({ detail }) {
    if (!detail.encryptedData) return
    const { data } = await wxRequest({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { login_code: this.login_code, encryptedData: detail.encryptedData, iv: detail.iv }
    })
    if (data.ok) wx.navigateBack()
  }
})
