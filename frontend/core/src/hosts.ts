/** The mini-program platforms: how each is recognised, logs in and sends. */

import type { Answer, Options, Platform } from './types.js'

/** To whom a request goes. */
type Server = Pick<Options, 'server' | 'app' | 'publishableKey' | 'lang'>

export type Host = any

declare const my: Host, swan: Host, tt: Host, ks: Host, xhs: Host, qq: Host, jd: Host, wx: Host

// Names of their own, because those of properties stay long in a minified file.
export const { assign } = Object
export const { parse, stringify } = JSON

export const ALIPAY = 'alipay'
export const GET_PHONE_NUMBER = 'getPhoneNumber'
const WECHAT = 'wechat'

/**
 * The global of each platform. A mini program has no object that holds its globals, so each name is written out.
 * WeChat is last: several others offer a `wx` as well, for programs that were written for it.
 */
const HOSTS: { [name: string]: () => Host } = {
  alipay: () => my,
  baidu: () => swan,
  douyin: () => tt,
  kuaishou: () => ks,
  xiaohongshu: () => xhs,
  qq: () => qq,
  jd: () => jd,
  wechat: () => wx,
}

/** The platform, detected if it is not given, and its global object. On a web page, also in an app, there is none. */
export function find(platform?: Platform): [Platform, Host] {
  for (const name in HOSTS) {
    try {
      const host = HOSTS[name]()
      // A web page inside Alipay or WeChat has `my` or `wx` too, without a login.
      if (platform ? name === platform : host.login || host.getAuthCode) return [name as Platform, host]
    } catch (_) {
      // not this one
    }
  }
  return [platform || 'h5', null]
}

/** The platform that the code runs on. */
export const detect = (): Platform => find()[0]

/** The version of the base library as a number; undefined or NaN, which is never less, if it cannot be read. */
const library = (host: Host): any => {
  try {
    const [a, b, c] = (host.getAppBaseInfo || host.getSystemInfoSync)().SDKVersion.split('.')
    return a * 1e6 + b * 1e3 + +c
  } catch (_) {
    // not said
  }
}

/** Truthy if the platform has the button, and what it gives is what the service takes. */
export function supports(platform: Platform, host: Host, { realtime, acceptEncryptedData }: Options): unknown {
  const since: { [name: string]: number } = { wechat: realtime ? 2024004 : 2021002, douyin: 3051000 }
  if (!host || platform === ALIPAY) return host && host.getPhoneNumber
  return (acceptEncryptedData && !realtime) || !(library(host) < since[platform])
}

/** The `open-type` of the button. */
export function openType(platform: Platform, host: Host, options: Options): string {
  if (platform === ALIPAY) return 'getAuthorize'
  if (platform !== WECHAT) return GET_PHONE_NUMBER
  const type = options.realtime ? 'getRealtimePhoneNumber' : GET_PHONE_NUMBER
  return options.agreePrivacy && !(library(host) < 2033001) ? type + '|agreePrivacyAuthorization' : type
}

/** Calls a function of the platform. It fails after `patience` ms, because some never call back. */
export const call = (host: Host, name: string, args: object, patience: number): Promise<any> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject({ errMsg: 'timeout' }), patience)
    const end = (act: (found: any) => void) => (found: any) => {
      clearTimeout(timer)
      act(found || {})
    }
    host[name](assign({ success: end(resolve), fail: end(reject) }, args))
  })

/** Takes the platform's login code; undefined if it gives none. */
export function logIn(platform: Platform, host: Host, patience: number): Promise<string | undefined> {
  const name = platform === ALIPAY ? 'getAuthCode' : host.getLoginCode ? 'getLoginCode' : 'login'
  // `scopes` is Alipay's: without the user's consent. `force` is Douyin's: not an anonymous login.
  return call(host, name, { scopes: 'auth_base', force: true }, patience).then((found) => found.authCode || found.code)
}

/** Sends a body to a route of the service. */
export function send(alipay: boolean, host: Host, options: Server, route: string, body: object, timeout: number): Promise<Answer> {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'accept-language': options.lang || 'zh' }
  if (options.publishableKey) headers.authorization = 'Bearer ' + options.publishableKey
  const args = {
    url: `${options.server}/v1/apps/${options.app}/${route}`,
    method: 'POST',
    data: stringify(body),
    timeout,
    headers, // of Alipay
    header: headers,
    // Where Alipay parses itself, a text of some proxy is lost.
    dataType: alipay ? 'text' : 'json',
  }
  return call(host, 'request', args, timeout + 1e3).catch((error) => {
    // Alipay fails where the status is 400 or more, with the answer in the error, or without any (19).
    if (error.error === 19) error.status = error.status || 500
    if (!error.status) throw error
    return error
  })
}
