const shop = require('../../shop')

Page({
  data: Object.assign({ number: '', typed: '', reason: '' }, shop),

  // `answer` is what the service said: with a publishable key the masked number, and a token for your back end.
  onNumber(event) {
    this.setData({ number: event.detail.answer.masked, reason: '' })
  },

  onFail(event) {
    this.setData({ reason: event.detail.reason })
  },

  onType(event) {
    this.setData({ typed: event.detail.value })
  },

  onTyped() {
    this.setData({ number: this.data.typed, reason: '' })
  },
})
