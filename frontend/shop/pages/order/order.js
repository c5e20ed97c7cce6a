// A shop that needs a number for an order. What it says, and to whom it sends, comes from the simulator's page.
const host = typeof my === 'undefined' ? wx : my
const given = host.getExtConfigSync()

Page({
  data: Object.assign({ number: null, typed: false, writing: false, words: {} }, given.extConfig || given),

  success(event) {
    const masked = (event.detail || event).answer.masked
    const [head, dots, tail] = masked.split(/(\*+)/)
    this.setData({ number: { head, dots: Array.from(dots, (_, n) => n), tail } })
  },

  hand() {
    this.setData({ writing: true })
  },

  write(event) {
    this.written = event.detail.value
  },

  use() {
    if (this.written) this.setData({ typed: true })
  },
})
