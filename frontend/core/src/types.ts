/** What the core takes and gives. The components of all frameworks are built on these types alone. */

export type Platform =
  | 'wechat'
  | 'alipay'
  | 'baidu'
  | 'douyin'
  | 'kuaishou'
  | 'xiaohongshu'
  | 'qq'
  | 'jd'
  | 'h5'

export type Lang = 'zh' | 'en'

/** The one request body. It goes to `POST {server}/v1/apps/{app}/phone-number`. */
export interface Body {
  /** What the platform's login gave before the button was tapped. */
  login_code?: string
  /** What the button gave, unchanged. Alipay: `{response: <the raw string of my.getPhoneNumber>}`. */
  authorization: Record<string, unknown>
  /** The text that the user saw before the tap. */
  consent?: { policy?: string; scene?: string }
}

/** What a server answered. `body` is the JSON value, or the text if it is not JSON. */
export interface Answer {
  status: number
  body: unknown
  headers?: Record<string, unknown>
}

/** `route` is absent for the button; the fields of the fallback give `sms/send` or `sms/check`. */
export type Post = (body: any, route?: string) => Promise<Answer>

/** Names as in the properties of the components, in camelCase. */
export interface Options {
  /** The name of the app in haoma.toml. Needed with `server`. */
  app?: string
  /** The address of the service, such as `https://phone.example.com`. */
  server?: string
  /** Sends the body somewhere else, such as to your own back end. Used instead of `server`. */
  post?: Post
  /** A publishable key. It may sit in a mini program; a server key may not. */
  publishableKey?: string
  /** The version of the policy whose text was shown. */
  policy?: string
  /** What the number is for, such as `checkout`. */
  scene?: string
  /** Alipay: the app id of the third-party platform that made the template app. */
  isvAppId?: string
  /** WeChat: the button of the realtime component. */
  realtime?: boolean
  /** WeChat: the button also agrees to the privacy guideline (`getPhoneNumber|agreePrivacyAuthorization`). */
  agreePrivacy?: boolean
  /** The app in haoma.toml has `accept_encrypted_data`: base libraries from before the phone code may send. */
  acceptEncryptedData?: boolean
  /** The language of the texts; `zh` if absent. */
  lang?: Lang
  /** Milliseconds that one request may take; 10000 if absent. */
  timeout?: number
  /** The platform, if the build knows it; otherwise it is detected. */
  platform?: Platform
  /** Called once for every change of `state`. */
  onState?: (state: State) => void
  /** Called once for each authorization that the server accepted. */
  onSuccess?: (success: Success) => void
  /** Called once for each failure. */
  onFail?: (failure: Failure) => void
}

/**
 * Why there is no number.
 *
 * - `denied`: the user declined.
 * - `privacy`: the user has not agreed to the mini program's privacy guideline.
 * - `quota`: the paid quota of the mini program is used up (WeChat).
 * - `platform`: the platform does not allow or offer it, or its button failed.
 * - `network`: the server was not reached, or did not answer in time.
 * - `server`: the server refused; `code` and `next` are its own.
 * - `unsupported`: there is no such button here: an old base library, or a web page.
 */
export type Reason = 'denied' | 'privacy' | 'quota' | 'platform' | 'network' | 'server' | 'unsupported'

/**
 * What to do next, in the server's words.
 *
 * - `ask-again`: the user may tap again.
 * - `retry-later`: the same request may be sent again; `again()` does that, without a second consent of the user.
 * - `stop`: the user cannot mend this; offer the fallback.
 */
export type Next = 'ask-again' | 'retry-later' | 'stop'

/** The server's answer. With a publishable key it has the masked number and a token. */
export interface Success {
  ok: true
  platform: Platform
  /** The JSON object of the server, such as `{masked, token, platform, app, ...}`. */
  answer: Record<string, unknown>
}

export interface Failure {
  ok: false
  reason: Reason
  /** A sentence for the user. */
  text: string
  next: Next
  /** True if `again()` sends the same request once more. */
  retry: boolean
  /** Seconds to wait before that; absent if unknown. */
  retryAfter?: number
  /** True if the fallback (a text message, typing the number) is to be offered now. */
  fallback: boolean
  /** The server's code, such as `already-used`; or Alipay's, such as `40003`. */
  code?: string
  /** The platform's number, such as 1400001; 0 if it gave none. */
  errno?: number
  /** The platform's own words, for your log. */
  message?: string
}

export type Outcome = Success | Failure

/**
 * What a component shows. A new object for every change. The button is a platform button of `openType`, or with `again`
 * a plain one; it is disabled unless `ready`.
 */
export interface State {
  /** False if there is no button here: show the fallback alone. */
  supported: boolean
  /** True if there is a login and the button may be tapped. */
  ready: boolean
  /** True from the platform's event until the outcome. */
  busy: boolean
  /** True if `again()` has something to do: show a plain button, without openType, that calls it. */
  again: boolean
  /** The `open-type` of the button; empty if it is to be a plain button. */
  openType: string
  /** The `scope` of the button: `phoneNumber` on Alipay, else empty. */
  scope: string
  /** True if the fallback is to be shown. */
  fallback: boolean
  /** The label of the button, for those who have none of their own. */
  label: string
  /** The sentence for the user: why it failed, or that it is on its way; empty if there is nothing to say. */
  text: string
  /** Why it failed last; empty after a success and before the first outcome. */
  reason: Reason | ''
}

/** The class `PhoneButton` of the core. */
export interface Button {
  readonly platform: Platform
  readonly state: State
  /** Call it when the button appears. Takes a login, unless there is one that is fresh; the button is not ready before. */
  start(): Promise<void>
  /** Call it when the page is shown again. Renews a login that has aged meanwhile. */
  shown(): void
  /** Call it when the button disappears. */
  stop(): void
  /** Takes changed options; the others stay. */
  set(options: Options): void
  /**
   * Call it in the platform's event with the event or its `detail`: `getphonenumber`, `getrealtimephonenumber`, and
   * Alipay's `getAuthorize` (then my.getPhoneNumber is called here). A string is Alipay's raw `res.response`. A second
   * call before the outcome gives the outcome of the first.
   */
  received(event?: unknown): Promise<Outcome>
  /** Call it in Alipay's `error` event, with the event or its `detail`. */
  declined(event?: unknown): Promise<Outcome>
  /** Sends the last request again, or logs in again. Call it from a plain button when `state.again` is true. */
  again(): Promise<Outcome | void>
  /** Mini-games, which have no such button: asks with `wx.getPhoneNumber`. Call it from a tap. */
  ask(): Promise<Outcome>
}
