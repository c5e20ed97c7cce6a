import { path } from '../../server'

const { server, app, key } = my.getExtConfigSync()

Page({
  data: { title: 'shop', code: '', said: '', picked: 'nothing', label: 'price', typed: '', items: [{ id: 1, name: 'one' }] },
  onLoad() {
    my.getAuthCode({ scopes: 'auth_base', success: ({ authCode }) => this.setData({ code: authCode }) })
  },
  onPick(value) { this.setData({ picked: `picked ${value}` }) },
  async onPost(body) { return { status: 200, body } },
  onItem(event) { this.setData({ said: `item ${event.target.dataset.id}` }) },
  onInput(event) { this.setData({ typed: event.detail.value }) },
  onRelabel() { this.setData({ label: 'weight' }) },
  onDeclined({ detail }) { this.setData({ said: detail.errorMessage }) },
  onAuthorize() {
    my.getPhoneNumber({
      success: ({ response }) =>
        my.request({
          url: server + path(app),
          method: 'POST',
          headers: { authorization: `Bearer ${key}` },
          data: { login_code: this.data.code, authorization: { response } },
          success: ({ status, data }) => this.setData({ said: `${status} ${data.masked}` }),
          fail: ({ error, data }) => this.setData({ said: `${error} ${data && data.code}` }),
        }),
      fail: ({ errorMessage }) => this.setData({ said: errorMessage }),
    })
  },
})
