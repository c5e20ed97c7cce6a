import { bindPhone } from '../../services/member'

Page({
  onPhone(e) {
    if (e.detail.errMsg === 'getPhoneNumber:ok') {
      bindPhone(e.detail.encryptedData, e.detail.iv).then(() => wx.navigateBack())
    }
  }
})
