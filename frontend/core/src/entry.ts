/** The fields of the fallback: a number, and where the service sends text messages the code that comes to it. */

import { find } from './hosts.js'
import { detailOf } from './outcome.js'
import { type Sent, SmsCode, type SmsOptions } from './sms-code.js'
import type { Failure, Outcome, Post, Success } from './types.js'
import { ENTRY } from './words.js'

/** Names as in the properties of the components. */
export interface EntryOptions extends Omit<SmsOptions, 'post'> {
  /** As that of the button. Its second argument is `sms/send` or `sms/check`. */
  post?: Post
  /** The app in haoma.toml has `[sms]`: the number is proven by a text message. Otherwise it is only typed. */
  sms?: boolean
  /** Called once for every change of `state`. */
  onState?: (state: EntryState) => void
  /** Called once a number is proven. */
  onSuccess?: (success: Success) => void
  /** Called once for each refusal. */
  onFail?: (failure: Failure) => void
  /** Without `sms`: called with what the user has typed. Nobody has verified it. */
  onTyped?: (typed: Typed) => void
}

export interface Typed {
  phoneNumber: string
}

/** What a component shows. A new object for every change. */
export interface EntryState {
  /** True if there is a button that sends a code. */
  sms: boolean
  /** True if a code is on its way: show the field for it. */
  sent: boolean
  busy: boolean
  /** True if a code may be sent now. */
  canSend: boolean
  /** True if the number may be used now. */
  canUse: boolean
  /** True if `text` says why something failed. */
  failed: boolean
  /** The sentence for the user; empty if there is nothing to say. */
  text: string
  /** What the fields and the buttons are called. */
  number: string
  code: string
  send: string
  use: string
}

/** A number of the mainland has eleven digits; others have their country in front, or as many as they have. */
const NUMBER = /^(1\d{10}|\+\d{7,15}|[02-9]\d{5,14})$/

/** It knows nothing of the screen: a component shows its `state` and passes on what the user types and taps. */
export class PhoneEntry {
  state: EntryState
  private readonly way: SmsCode
  private number = ''
  private code = ''
  private sent = false
  private busy = false
  private failed = false
  private text = ''
  /** When another code may be asked for. */
  private until = 0
  private timer: any

  constructor(private options: EntryOptions) {
    this.way = new SmsCode(this.ofSms())
    this.state = this.look()
  }

  /** Takes changed options; the others stay. */
  set(changed: EntryOptions) {
    this.options = Object.assign({}, this.options, changed)
    this.way.set(this.ofSms())
    this.show()
  }

  /** Call it when the fields disappear. */
  stop() {
    clearInterval(this.timer)
    this.options = Object.assign({}, this.options, { onState: undefined })
  }

  /** Call it with the event of the field for the number. */
  typeNumber(event: unknown) {
    this.number = typed(event)
    // The code is that of the number before.
    this.sent = this.failed = false
    this.until = 0
    this.code = this.text = ''
    this.show()
  }

  /** Call it with the event of the field for the code. */
  typeCode(event: unknown) {
    this.code = typed(event)
    this.show()
  }

  /** Sends a code. Call it from a tap. */
  async send(): Promise<void> {
    if (!this.state.canSend) return
    const found: Sent | Failure = await this.during(this.way.send(this.number))
    if (found.ok) {
      this.sent = true
      this.tell(this.word('sent'), found.resendAfter)
    } else {
      this.refused(found)
    }
  }

  /** Uses the number. Call it from a tap. */
  async use(): Promise<void> {
    const { onSuccess, onTyped } = this.options
    if (!this.state.canUse) return
    if (!this.state.sms) {
      if (onTyped) onTyped({ phoneNumber: this.number })
      return
    }
    const found: Outcome = await this.during(this.way.check(this.code))
    if (!found.ok) return this.refused(found)
    this.tell('', 0)
    if (onSuccess) onSuccess(found)
  }

  private ofSms(): SmsOptions {
    const { post } = this.options
    return Object.assign({}, this.options, {
      post: post && ((route: string, body: any) => post(body, 'sms/' + route)),
    })
  }

  private word(key: keyof typeof ENTRY): string {
    return ENTRY[key][this.options.lang === 'en' ? 1 : 0]
  }

  private look(): EntryState {
    const { sent, busy, failed, text } = this
    // A web page has no login, and without one the service sends nothing.
    const sms = !!this.options.sms && !!find(this.options.platform)[1]
    const left = Math.ceil((this.until - Date.now()) / 1e3)
    const good = NUMBER.test(this.number)
    return {
      sms,
      sent: sms && sent,
      busy,
      canSend: sms && good && !busy && left <= 0,
      canUse: good && !busy && (!sms || (sent && /^\d{4,8}$/.test(this.code))),
      failed,
      text,
      number: this.word('number'),
      code: this.word('code'),
      send: left > 0 ? this.word('wait').replace('{seconds}', String(left)) : this.word(sent ? 'resend' : 'send'),
      use: this.word('use'),
    }
  }

  private show() {
    const state = this.look()
    clearInterval(this.timer)
    if (this.until > Date.now() && this.options.onState) this.timer = setInterval(() => this.show(), 1e3)
    if (JSON.stringify(state) === JSON.stringify(this.state)) return
    this.state = state
    if (this.options.onState) this.options.onState(state)
  }

  private async during<T>(asked: Promise<T>): Promise<T> {
    this.busy = true
    this.failed = false
    this.text = ''
    this.show()
    const found = await asked
    this.busy = false
    return found
  }

  private tell(text: string, seconds: number) {
    this.text = text
    this.until = Date.now() + seconds * 1e3
    this.show()
  }

  private refused(failure: Failure) {
    this.failed = true
    this.tell(failure.text, Math.max(failure.retryAfter || 0, (this.until - Date.now()) / 1e3))
    if (this.options.onFail) this.options.onFail(failure)
  }
}

/** What is in a field, without what people put between digits. */
const typed = (event: any): string => String((event && event.trim ? event : detailOf(event).value) || '').replace(/[\s-]/g, '')
