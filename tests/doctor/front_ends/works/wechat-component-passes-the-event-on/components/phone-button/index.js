Component({
  options: { styleIsolation: 'apply-shared' },
  methods: {
    onGetPhoneNumber(e) {
      if (e.detail.errMsg === 'getPhoneNumber:ok') {
        this.triggerEvent('success', e.detail)
      } else {
        this.triggerEvent('fail', { reason: e.detail.errMsg })
      }
    }
  }
})
