Page({
  onPhone({ detail }: WechatMiniprogram.ButtonGetPhoneNumber) {
    const { code } = detail as { code?: string }
    if (code) wx.request<Api.Login>({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
  },
})
