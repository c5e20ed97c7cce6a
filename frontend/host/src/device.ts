/** The phone in the user's hand: its login, its sheet, and what the user has allowed. */

import type { Api, Platform, Received, Sent, Sheet } from './types'

export type Event = Record<string, unknown>

/** What `wx` and `my` ask the phone for. In a frame, the phone is on the other side of it. */
export interface Phone {
  readonly platform: Platform
  /** Asks the user, and returns the event that the platform hands to the page. */
  ask(openType: string): Promise<Event>
  /** Alipay: asks, and keeps what `my.getPhoneNumber` will give. Returns the error if the user declines. */
  authorize(): Promise<Event | undefined>
  /** Alipay: returns what `my.getPhoneNumber` gives. The user is not asked again, once the number is allowed. */
  number(): Promise<Event>
  login(): Promise<{ code: string }>
  send(request: Sent): Promise<Received>
}

/** The sheet is gone without an answer, because the page behind it is. */
export class TakenAway extends Error {}

export class Device implements Phone {
  private asking: Promise<Event> | undefined
  private handed: Event | undefined
  private allowed = false

  constructor(
    readonly platform: Platform,
    private readonly sheet: Sheet,
    private readonly api: Api,
  ) {}

  login(): Promise<{ code: string }> {
    return this.api.login()
  }

  send(request: Sent): Promise<Received> {
    return this.api.send(request)
  }

  /** One sheet at a time: a second tap gets the answer of the first. */
  ask(openType: string): Promise<Event> {
    this.asking ??= this.answer(openType).finally(() => {
      this.asking = undefined
    })
    return this.asking
  }

  async authorize(): Promise<Event | undefined> {
    const event = await this.ask('getAuthorize')
    this.allowed = 'response' in event
    this.handed = this.allowed ? event : undefined
    return this.allowed ? undefined : ((event['detail'] as Event | undefined) ?? event)
  }

  async number(): Promise<Event> {
    if (!this.allowed) return { response: NOT_ALLOWED }
    const event = this.handed ?? (await this.api.tap({ allow: true })).event
    this.handed = undefined
    return event
  }

  private async answer(openType: string): Promise<Event> {
    const allow = await this.sheet({ platform: this.platform, openType })
    if (allow === null) throw new TakenAway()
    return (await this.api.tap({ allow })).event
  }
}

const NOT_ALLOWED = JSON.stringify({
  response: {
    code: '40003',
    msg: 'Insufficient Conditions',
    subCode: 'isv.invalid-auth-relations',
    subMsg: '无效的授权关系',
  },
})
