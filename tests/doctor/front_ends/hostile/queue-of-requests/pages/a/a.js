import { request } from '../../utils/request'
Page({
  onPhone({ detail: { encryptedData, iv } }) {
    if (iv) request({ url: '/phone', data: { encryptedData, iv } })
  }
})
