// What the React and the Vue component have in common.

/** The properties that the core takes. */
export const NAMES = [
  'app', 'server', 'post', 'publishableKey', 'policy', 'scene', 'isvAppId', 'realtime', 'agreePrivacy',
  'acceptEncryptedData', 'lang', 'timeout',
]

// Taro replaces TARO_ENV when it builds. A platform that is not listed is left to the core to detect.
const platform = {
  weapp: 'wechat', alipay: 'alipay', swan: 'baidu', tt: 'douyin', qq: 'qq', jd: 'jd', h5: 'h5',
}[process.env.TARO_ENV]

/** Return the options of the core; a property that is absent keeps the core's own default. */
export function options(props) {
  const found = { platform }
  for (const name of NAMES) if (props[name] !== undefined) found[name] = props[name]
  return found
}

/** Return what both buttons show, beside their events. */
export function looks(state, disabled) {
  return {
    openType: state.openType || undefined,
    disabled: Boolean(disabled) || state.busy || !(state.ready || state.again),
    loading: state.busy,
  }
}
