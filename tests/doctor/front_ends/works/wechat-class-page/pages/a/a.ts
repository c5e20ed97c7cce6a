import { definePage } from '../../utils/definePage'

class Login {
  data = { busy: false }

  async onPhone(e: WechatMiniprogram.ButtonGetPhoneNumber) {
    const code = (e.detail as { code?: string }).code
    if (!code) return
    wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
  }
}

definePage(Login)
