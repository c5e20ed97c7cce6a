// What the core asks of WeChat's mini games, in the words of WeChat's own types. It is compiled, and never run.
wx.getPhoneNumber({
  isRealtime: true,
  phoneNumberNoQuotaToast: false,
  success: ({ code, errMsg, errno }) => [code, errMsg, errno === 0],
  fail: ({ errMsg }) => errMsg.length,
})
wx.login({ success: ({ code }) => code.length })
