Component({
  data: { phoneCode: '' },
  observers: {
    phoneCode(code) {
      if (code) wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
    }
  },
  methods: {
    onPhone({ detail }) {
      if (detail.code) this.setData({ phoneCode: detail.code })
    }
  }
})
