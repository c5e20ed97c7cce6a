const shop = require('../../shop')

Page({
  data: Object.assign({ number: '', typed: '', reason: '' }, shop),

  // `answer` is what the service said: with a publishable key the masked number, and a token for your back end.
  onNumber(success) {
    this.setData({ number: success.answer.masked, reason: '' })
  },

  onFail(failure) {
    this.setData({ reason: failure.reason })
  },

  onType(event) {
    this.setData({ typed: event.detail.value })
  },

  onTyped() {
    this.setData({ number: this.data.typed, reason: '' })
  },
})
