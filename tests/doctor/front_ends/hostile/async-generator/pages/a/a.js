const post = (data) => new Promise((ok, no) => wx.request({ url: 'https://api.example.com/phone', method: 'POST', data, success: (r) => ok(r.data), fail: no }))

async function* steps(code) {
  yield '正在登录'
  const user = await post({ code })
  yield `你好 ${user.name}`
}

Page({
  async onPhone(e) {
    if (!e.detail.code) return
    for await (const title of steps(e.detail.code)) wx.showToast({ title, icon: 'none' })
  }
})
