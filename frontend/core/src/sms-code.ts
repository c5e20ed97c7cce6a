/** The service's `sms/send` and `sms/check`. The components show it as the content of their fallback slot; see `PhoneEntry`. */

import { giveAway } from './button.js'
import { ALIPAY, find, logIn, send } from './hosts.js'
import { declined, outcome, refusal, RETRY_LATER } from './outcome.js'
import type { Answer, Failure, Lang, Outcome, Platform } from './types.js'
import { WORDS } from './words.js'

/** Names as in the options of the button. */
export interface SmsOptions {
  /** The name of the app in haoma.toml. */
  app?: string
  /** The address of the service. */
  server?: string
  /** A publishable key. */
  publishableKey?: string
  /** Sends a body somewhere else, such as to your own back end. Used instead of `server`. */
  post?: (route: 'send' | 'check', body: Record<string, unknown>) => Promise<Answer>
  policy?: string
  scene?: string
  /** The language of the texts; `zh` if absent. */
  lang?: Lang
  /** Milliseconds that one request may take; 10000 if absent. */
  timeout?: number
  platform?: Platform
}

/** A code is on its way. Both are seconds. */
export interface Sent {
  ok: true
  expiresIn: number
  resendAfter: number
}

/** One number that a user types, and the code that comes to it. */
export class SmsCode {
  private ticket = ''
  private session = ''

  constructor(private options: SmsOptions) {}

  /** Takes changed options; the others stay. */
  set(changed: SmsOptions) {
    this.options = Object.assign({}, this.options, changed)
  }

  /** Sends a code. It uses the login of the page's button, or takes one: nothing is sealed under it. */
  async send(phoneNumber: string): Promise<Sent | Failure> {
    const [platform, host] = find(this.options.platform)
    const login = this.session
      ? { session: this.session }
      : { login_code: giveAway() || (await logIn(platform, host, this.patience()).catch(() => '')) }
    if (!this.session && !login.login_code) return this.worded(refusal('network', RETRY_LATER))
    const found = await this.ask('send', Object.assign({ phone_number: phoneNumber }, login))
    // A session that has ended is no reason to stop: the next time there is a new login.
    if (!found.ok) this.session = ''
    if (!found.ok) return found
    const { ticket, session, expires_in, resend_after } = found.answer as any
    this.ticket = ticket
    this.session = session || this.session
    return { ok: true, expiresIn: expires_in, resendAfter: resend_after }
  }

  /** Turns the code into the number. The outcome is that of the button. */
  check(code: string): Promise<Outcome> {
    const { policy, scene } = this.options
    const consent = policy || scene ? { policy, scene } : undefined
    return this.ask('check', { ticket: this.ticket, session: this.session, sms_code: code, consent })
  }

  private patience = () => this.options.timeout || 10e3

  private worded(found: any): any {
    const words: Record<string, string[]> = WORDS
    if (!found.ok) found.text = found.text || words[found.reason][this.options.lang === 'en' ? 1 : 0]
    return found
  }

  private async ask(route: 'send' | 'check', body: Record<string, unknown>): Promise<Outcome> {
    const [platform, host] = find(this.options.platform)
    const post = this.options.post || ((name, sent) => send(platform === ALIPAY, host, this.options, 'sms/' + name, sent, this.patience()))
    try {
      return this.worded(outcome(platform, await post(route, JSON.parse(JSON.stringify(body)))))
    } catch (error) {
      return this.worded(refusal('network', RETRY_LATER, { message: declined(error).message }))
    }
  }
}
