const login = () => new Promise((success, fail) => ks.login({ success, fail }))

Page({
  async onPhone({ detail }) {
    const { code } = await login()
    ks.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code, ...detail } })
  }
})
