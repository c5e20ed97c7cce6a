const db = wx.cloud.database()

Page({
  async onPhone(e) {
    const res = await wx.cloud.callFunction({ name: 'getPhone', data: { cloudID: e.detail.cloudID } })
    const phone = res.result.phoneNumber
    await db.collection('users').add({ data: { phone, createdAt: db.serverDate() } })
  }
})
