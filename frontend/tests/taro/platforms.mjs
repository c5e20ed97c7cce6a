// What each platform documents: its global object, its template, and what its button and its login give.
// QQ and JD publish no page on the button; theirs is taken to be like WeChat's, and is only compiled for.

const detail = { code: 'PHONE-CODE', encryptedData: 'SEALED', iv: 'IV', errMsg: 'getPhoneNumber:ok' }
const denied = { errMsg: 'getPhoneNumber:fail user deny' }
const sealed = { encryptedData: 'SEALED', iv: 'IV' }
export const response = '{"response":"SEALED+/=","sign":"SIGN"}'

const common = { event: 'getphonenumber', attribute: 'bindgetphonenumber', openType: 'getPhoneNumber', allow: { detail }, deny: { detail: denied } }

export const platforms = {
  weapp: { ...common, name: 'wx', template: '.wxml', login: 'login', sent: { code: 'PHONE-CODE' } },
  alipay: {
    name: 'my', template: '.axml', login: 'getAuthCode',
    event: 'getAuthorize', attribute: 'onGetAuthorize', openType: 'getAuthorize', scope: 'phoneNumber',
    allow: {}, deny: { event: 'error', attribute: 'onError', detail: { errorMessage: '用户取消授权', type: 'getAuthorize' } },
    sent: { response },
  },
  swan: { ...common, name: 'swan', template: '.swan', login: 'getLoginCode', allow: { detail: { ...sealed, errMsg: detail.errMsg } }, sent: sealed },
  tt: { ...common, name: 'tt', template: '.ttml', login: 'login', sent: { code: 'PHONE-CODE' } },
  qq: { ...common, name: 'qq', template: '.qml', login: 'login' },
  jd: { ...common, name: 'jd', template: '.jxml', login: 'login' },
}
