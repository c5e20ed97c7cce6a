// What the core asks of Alipay, in the words of Alipay's own types. It is compiled, and never run.
my.getAuthCode({ scopes: 'auth_base', success: ({ authCode }) => authCode.length })
my.getPhoneNumber({
  protocols: { isvAppId: '' },
  success: ({ response }) => response.length,
  fail: ({ error, errorMessage }) => [error === 1, errorMessage],
})
my.request({
  url: '', method: 'POST', data: '', headers: {}, timeout: 1, dataType: 'text',
  success: ({ status, data, headers }) => [status < 300, data, headers['retry-after']],
  fail: ({ error, errorMessage }) => [error === 19, errorMessage],
})
