/** What the platform's events and the server's answers mean. The texts are added at the end. */

import { assign, parse } from './hosts.js'
import type { Answer, Failure, Next, Options, Platform, Reason, Success } from './types.js'

export const ASK_AGAIN = 'ask-again'
export const RETRY_LATER = 'retry-later'
export const STOP = 'stop'
export const PLATFORM = 'platform'

export type Refusal = Omit<Failure, 'text'> & { text?: string }

export function refusal(reason: Reason, next: Next, more?: Partial<Refusal>): Refusal {
  // The user who only has to tap again is not sent elsewhere.
  const fallback = reason !== 'server' || next !== ASK_AGAIN
  return assign({ ok: false as const, reason, next, retry: next === RETRY_LATER, fallback }, more)
}

/** What an event or an error without an authorization means. */
export function declined(event: any): Refusal {
  const detail = detailOf(event)
  const message = detail.errorMessage || detail.errMsg || detail.message || ''
  const errno = +(detail.errno || detail.error) || 0
  const said = `${errno} ${message}`
  const more = { message, errno }
  if (errno === 1400001) return refusal('quota', STOP, more)
  if (/^10[34] |not authorized/.test(said)) return refusal('privacy', ASK_AGAIN, more)
  // Douyin says "platform auth deny" if the mini program has no permission; the user had no say.
  if (/^1[01]2 |platform auth|no permission|not declared/.test(said)) return refusal(PLATFORM, STOP, more)
  return refusal(/deny|cancel|reject|取消|拒绝|不允许|^0 $/i.test(said) ? 'denied' : PLATFORM, ASK_AGAIN, more)
}

/** The detail of an event; a framework may hand over the detail itself. */
export const detailOf = (event: any): any => (event && event.detail) || event || {}

/** The authorization in an event of the button, or why there is none. */
export function authorization(platform: Platform, options: Options, detail: any): Record<string, unknown> | Refusal {
  const { code, encryptedData, iv, errMsg } = detail
  const byCode = /wechat|douyin/.test(platform)
  if (code && byCode) return { code, encryptedData, iv }
  // Elsewhere the service reads a `code` beside the sealed data as a login.
  if (encryptedData && (!byCode || options.acceptEncryptedData)) return { encryptedData, iv }
  if (code) return { code }
  return encryptedData || /:ok/.test(errMsg) ? refusal('unsupported', STOP, { message: errMsg }) : declined(detail)
}

/**
 * The raw string of my.getPhoneNumber as an authorization, or the error reply in it. The string itself is sent,
 * because the signature covers its bytes.
 */
export function ofAlipay(response: unknown): Record<string, unknown> | Refusal {
  for (let inner: any = response; inner; inner = inner.response) {
    try {
      if (typeof inner === 'string') inner = parse(inner)
    } catch (_) {
      return { response } // the ciphertext
    }
    const { code, msg, subCode = inner.sub_code, subMsg = inner.sub_msg || msg } = inner
    if (code && code != '10000') {
      const more = { code: subCode ? code + '/' + subCode : code, message: subMsg }
      // A user who cancels after all may come here instead of to onError.
      if (code == '40003') return refusal('denied', ASK_AGAIN, more)
      return refusal(PLATFORM, code == '20000' ? ASK_AGAIN : STOP, more)
    }
  }
  return response ? { response } : refusal(PLATFORM, ASK_AGAIN)
}

/** What the server's answer means. */
export function outcome(platform: Platform, answer: Answer): Success | Refusal {
  // A platform's own answer has other names for the same.
  const raw: any = answer
  let { status = raw.statusCode, body = raw.data } = raw
  const headers = raw.headers || raw.header
  try {
    body = parse(body)
  } catch (_) {
    // parsed already, or a text of some proxy
  }
  if (body && body.data && body.msg) {
    // The app answers with {code, msg, data}, and always with 200.
    if (body.code) status = body.code
    body = body.data
  }
  if (status < 300) return { ok: true, platform, answer: body || {} }
  const { code, title, next, retry } = body || {}
  const guess: Next = status === 429 || (status > 501 && status < 505) ? RETRY_LATER : status > 499 ? ASK_AGAIN : STOP
  // The public codes have no family, and titles for everybody; the others speak to developers.
  const text = /\./.test(code) ? '' : title
  const found = refusal(code === 'declined' ? 'denied' : 'server', next || guess, { code, text })
  if (retry === false) found.retry = false
  for (const name in headers) if (/^retry-after$/i.test(name)) found.retryAfter = +headers[name] || undefined
  return found
}
