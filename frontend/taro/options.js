// What the React and the Vue component have in common.

/** The properties that the core takes. */
export const NAMES = [
  'app', 'server', 'post', 'publishableKey', 'policy', 'scene', 'isvAppId', 'realtime', 'agreePrivacy',
  'acceptEncryptedData', 'sms', 'lang', 'timeout',
]

// Taro replaces TARO_ENV when it builds. A platform that is not listed is left to the core to detect.
const platform = {
  weapp: 'wechat', alipay: 'alipay', swan: 'baidu', tt: 'douyin', qq: 'qq', jd: 'jd', h5: 'h5',
}[process.env.TARO_ENV]

/** Return the options of the core. A property that is absent is undefined, and the core has its own default. */
export const options = (props) => Object.assign({ platform }, ...NAMES.map((name) => ({ [name]: props[name] })))
