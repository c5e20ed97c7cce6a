Page({
  async onPhone(e) {
    if (!e.detail.cloudID) return
    const { result } = await wx.cloud.callFunction({
      name: 'signUp',
      data: { phone: wx.cloud.CloudID(e.detail.cloudID) }
    })
    this.setData({ signed: result.ok })
  }
})
