// What the core asks of WeChat, in the words of WeChat's own types. It is compiled, and never run.
wx.login({ success: ({ code }) => code.length, fail: ({ errMsg }) => errMsg.length })
wx.getAppBaseInfo().SDKVersion.split('.')
wx.getSystemInfoSync().SDKVersion.split('.')
wx.request({
  url: '', method: 'POST', data: '', header: {}, timeout: 1, dataType: 'json',
  success: ({ statusCode, data, header }) => [statusCode < 300, data, header['Retry-After']],
  fail: ({ errMsg }) => errMsg.length,
})
export const event = ({ detail }: WechatMiniprogram.ButtonGetPhoneNumber) =>
  [detail.code, detail.encryptedData, detail.iv, detail.errMsg]
