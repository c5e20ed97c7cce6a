/** What is particular to each target of uni-app, as the platforms document it. */

const ENVELOPE = JSON.stringify({ response: 'c2VhbGVk+/==', sign: 'c2lnbmVk+/==', sign_type: 'RSA2', encrypt_type: 'AES' })
const SEALED = { errMsg: 'getPhoneNumber:ok', encryptedData: 'c2VhbGVk+/==', iv: 'aXY+/w==' }

const code = { agreed: { errMsg: 'getPhoneNumber:ok', code: 'phone-code' }, authorization: { code: 'phone-code' } }
const sealed = { agreed: SEALED, authorization: { encryptedData: SEALED.encryptedData, iv: SEALED.iv } }
const bind = { openType: 'getPhoneNumber', agree: 'bindgetphonenumber', decline: 'bindgetphonenumber', headers: 'header' }

/**
 * Columns: the platform's name in the kit; the app in the example; the global object; the suffix and prefix of the
 * markup; the login; the button's `open-type`; the exact attributes at which the platform tells that the user agreed or
 * declined; the details it gives; the authorization that has to be posted; whether pages are run, or only compiled.
 */
export const TARGETS = {
  'mp-weixin': {
    platform: 'wechat', app: 'shop-wechat', namespace: 'wx', ext: '.wxml', prefix: 'wx:', login: 'login', ...bind, ...code,
    declined: { errMsg: 'getPhoneNumber:fail user deny' }, isRun: true,
  },
  'mp-alipay': {
    platform: 'alipay', app: 'shop', namespace: 'my', ext: '.axml', prefix: 'a:', login: 'getAuthCode',
    openType: 'getAuthorize', agree: 'onGetAuthorize', decline: 'onError', headers: 'headers', agreed: {},
    envelope: ENVELOPE, authorization: { response: ENVELOPE },
    declined: { errorMessage: '用户取消授权', type: 'getAuthorize' }, isRun: true,
  },
  'mp-baidu': {
    platform: 'baidu', app: 'shop-baidu', namespace: 'swan', ext: '.swan', prefix: 's-', login: 'getLoginCode', ...bind,
    ...sealed, declined: { errMsg: 'getPhoneNumber:fail auth deny' }, isRun: true,
  },
  'mp-toutiao': {
    platform: 'douyin', app: 'shop-douyin', namespace: 'tt', ext: '.ttml', prefix: 'tt:', login: 'login', ...bind,
    agreed: { ...SEALED, code: 'phone-code' }, authorization: { code: 'phone-code', ...sealed.authorization },
    declined: { errMsg: 'getPhoneNumber:fail auth deny' }, isRun: true,
  },
  'mp-kuaishou': {
    platform: 'kuaishou', app: 'shop-kuaishou', namespace: 'ks', ext: '.ksml', prefix: 'ks:', login: 'login', ...bind,
    ...sealed, declined: { errMsg: 'getPhoneNumber:user deny' }, isRun: true,
  },
  'mp-xhs': {
    platform: 'xiaohongshu', app: 'shop-xiaohongshu', namespace: 'xhs', ext: '.xhsml', prefix: 'xhs:', login: 'login',
    ...bind, ...sealed, declined: { errMsg: 'getPhoneNumber:fail auth deny' }, isRun: true,
  },
  'mp-qq': { platform: 'qq', app: 'shop-qq', namespace: 'qq', ext: '.qml', prefix: 'qq:', ...bind },
  'mp-jd': { platform: 'jd', app: 'shop-jd', namespace: 'jd', ext: '.jxml', prefix: 'jd:', ...bind },
  h5: { platform: 'h5', app: 'shop' },
} // prettier-ignore
