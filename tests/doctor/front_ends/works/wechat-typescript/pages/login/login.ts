import { loginByPhone, LoginResult } from '../../services/auth'

interface PageData {
  masked: string
}

interface PageMethods {
  loginCode: string
  prepare(): Promise<void>
  onGetPhoneNumber(e: WechatMiniprogram.ButtonGetPhoneNumber): Promise<void>
}

Page<PageData, PageMethods & WechatMiniprogram.IAnyObject>({
  data: { masked: '' },
  loginCode: '',

  onLoad() {
    void this.prepare()
  },

  async prepare() {
    const { code } = await wx.login()
    this.loginCode = code
  },

  async onGetPhoneNumber(e) {
    const phoneCode = e.detail.code as string | undefined
    if (!phoneCode) return
    try {
      const result: LoginResult = await loginByPhone(phoneCode, this.loginCode)
      this.setData({ masked: result.maskedPhone })
    } catch (error) {
      wx.showToast({ title: (error as Error).message, icon: 'none' })
    } finally {
      await this.prepare()
    }
  },
})
