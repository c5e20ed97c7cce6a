module.exports = Behavior({
  methods: {
    handleGetPhone(e) {
      const { code, errMsg } = e.detail
      if (errMsg !== 'getPhoneNumber:ok') return
      wx.request({
        url: 'https://api.example.com/phone',
        method: 'POST',
        data: { code },
        success: (res) => this.afterPhone && this.afterPhone(res.data)
      })
    }
  }
})
