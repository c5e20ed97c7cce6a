// The platforms' own objects, as far as the core asks them. What they give can be set in each test.
import { PhoneButton } from 'haoma-core'

export const NAMES = {
  wechat: 'wx', alipay: 'my', baidu: 'swan', douyin: 'tt', kuaishou: 'ks', xiaohongshu: 'xhs', qq: 'qq', jd: 'jd',
}

/** Puts one platform into the global scope. `host.said` is what it was asked, in order. */
export function stage(platform, given = {}) {
  leave()
  let logins = 0
  const said = []
  const host = {
    said,
    version: '3.60.0',
    replies: [],
    getSystemInfoSync: () => ({ SDKVersion: host.version }),
    request(asked) {
      said.push(['request', JSON.parse(asked.data), asked])
      const reply = host.replies.shift() ?? { status: 200, body: { masked: '138****5544' } }
      queueMicrotask(() => {
        if (reply === 'silence') return
        if (reply.fail) return asked.fail(reply.fail)
        const data = asked.dataType === 'text' ? JSON.stringify(reply.body) : reply.body
        asked.success(
          platform === 'alipay'
            ? { status: reply.status, data, headers: reply.headers ?? {} }
            : { statusCode: reply.status, data, header: reply.headers ?? {}, errMsg: 'request:ok' },
        )
      })
    },
  }
  const login = (asked) => {
    said.push(['login', asked])
    const code = `login-${++logins}`
    queueMicrotask(() => {
      if (host.offline) asked.fail({ errMsg: 'login:fail' })
      else asked.success(platform === 'alipay' ? { authCode: code } : { code, errMsg: 'login:ok' })
    })
  }
  if (platform === 'alipay') {
    host.getAuthCode = login
    host.getPhoneNumber = (asked) => {
      said.push(['getPhoneNumber', asked])
      queueMicrotask(() => (host.error ? asked.fail(host.error) : asked.success({ response: host.response })))
    }
    host.response = '{"response":"c2VhbGVk","sign":"c2lnbg==","sign_type":"RSA2","charset":"UTF-8"}'
  } else if (platform === 'baidu') {
    host.getLoginCode = login
    host.login = () => said.push(['old login'])
  } else {
    host.login = login
  }
  Object.assign(host, given)
  globalThis[NAMES[platform]] = host
  return host
}

export function leave() {
  for (const name of Object.values(NAMES)) delete globalThis[name]
}

/** What the platform was asked, by name, since `start`. */
export const asked = (host, start = 0) => host.said.slice(start).map(([name]) => name)

export const bodies = (host) => host.said.filter(([name]) => name === 'request').map(([, body]) => body)

/** A button with the outcomes that it told and the states that it showed. */
export function press(options = {}) {
  const told = []
  const states = []
  const button = new PhoneButton({
    app: 'shop',
    server: 'https://phone.example.com',
    onState: (state) => states.push(state),
    onSuccess: (success) => told.push(success),
    onFail: (failure) => told.push(failure),
    ...options,
  })
  return { button, told, states }
}
