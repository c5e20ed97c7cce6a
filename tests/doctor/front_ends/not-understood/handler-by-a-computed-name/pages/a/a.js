const actions = require('company-actions')

Page({
  dispatch(e) {
    const name = e.currentTarget.dataset.fn
    actions[name](e.detail)
  }
})
