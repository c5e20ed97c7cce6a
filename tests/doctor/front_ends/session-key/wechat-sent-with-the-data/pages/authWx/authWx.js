import { common } from '../../request/api'

Page({
  getPhoneNumber(e) {
    const { errMsg, encryptedData, iv } = e.detail
    if (errMsg !== 'getPhoneNumber:ok') return false
    common.getWeChatMinPhone({
      iv,
      encryptedData,
      sessionKey: wx.getStorageSync('sessionKey')
    }).then(() => wx.navigateBack({ delta: 1 }))
  }
})
