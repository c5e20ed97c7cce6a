const { path } = require('../../server')
const { server, app, key } = wx.getExtConfigSync()
Page({
  data: { title: 'shop', code: '', said: '', picked: 'nothing', typed: '', items: [{ id: 1, name: 'one' }, { id: 2, name: 'two' }] },
  onLoad(query) {
    this.query = query
    wx.login({ success: ({ code }) => this.setData({ code }) })
  },
  onPick(event) {
    this.setData({ picked: `${event.type} ${event.detail.value} ${Object.hasOwn(event, 'detail')}` })
  },
  onInput(event) { this.setData({ typed: event.detail.value }) },
  onItem(event) { this.setData({ said: `item ${event.currentTarget.dataset.id}` }) },
  onNext() { wx.navigateTo({ url: '/pages/second/second?from=home' }) },
  onPhone({ type, detail }) {
    if (!/:ok$/.test(detail.errMsg)) { this.setData({ said: detail.errMsg }); return }
    wx.request({
      url: server + path(app),
      method: 'POST',
      header: { Authorization: `Bearer ${key}` },
      data: { login_code: this.data.code, authorization: { code: detail.code } },
      success: ({ statusCode, data }) => this.setData({ said: `${type} ${statusCode} ${data.masked || data.code}` }),
      fail: ({ errMsg }) => this.setData({ said: errMsg }),
    })
  },
})
