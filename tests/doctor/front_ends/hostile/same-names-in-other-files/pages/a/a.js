import { submit } from '../../utils/post'

const prepare = () => wx.showLoading({ title: '登录中' })

Page({
  onPhone({ detail: { encryptedData, iv } }) {
    prepare()
    if (iv) submit({ encryptedData, iv, sid: wx.getStorageSync('sid') })
  }
})
