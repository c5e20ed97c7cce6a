/** The phone in the user's hand: its login, its sheet, and what the user has allowed. */

import type { Api, Platform, Sheet } from './types'

export type Event = Record<string, unknown>

/** The sheet is gone without an answer, because the page behind it is. */
export class TakenAway extends Error {}

export class Device {
  private asking: Promise<Event> | undefined
  private handed: Event | undefined
  private allowed = false

  constructor(
    readonly platform: Platform,
    private readonly sheet: Sheet,
    readonly api: Api,
  ) {}

  /** Asks the user, and returns the event that the platform hands to the page. One sheet at a time. */
  ask(openType: string): Promise<Event> {
    this.asking ??= this.answer(openType).finally(() => {
      this.asking = undefined
    })
    return this.asking
  }

  /** Alipay: asks, and keeps what `my.getPhoneNumber` will give. Returns the error if the user declines. */
  async authorize(): Promise<Event | undefined> {
    const event = await this.ask('getAuthorize')
    this.allowed = 'response' in event
    this.handed = this.allowed ? event : undefined
    return this.allowed ? undefined : ((event['detail'] as Event | undefined) ?? event)
  }

  /** Alipay: returns what `my.getPhoneNumber` gives. The user is not asked again, once the number is allowed. */
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
  response: { code: '40003', msg: 'Insufficient Conditions', subCode: 'isv.invalid-auth-relations', subMsg: '无效的授权关系' },
})
