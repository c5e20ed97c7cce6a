const shop = require('../../shop')

Page({
  data: Object.assign({ number: '' }, shop),

  // `answer` is what the service said: with a publishable key the masked number, and a token for your back end.
  onNumber(event) {
    this.setData({ number: event.detail.answer.masked })
  },

  // What the user has typed where the button could not help. Nobody has verified it.
  onTyped(event) {
    this.setData({ number: event.detail.phoneNumber })
  },
})
