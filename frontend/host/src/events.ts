/** The events of glass-easel, as mini programs know them: plain, and with a detail of their own. */

import { Event } from 'glass-easel'

/** The arguments of a call of an Alipay property such as `props.onSuccess(answer)`. */
export class Call {
  constructor(readonly values: unknown[]) {}
}

interface Place {
  id?: string
  dataset?: object | null
}

const plain = (place: Place | undefined): object => ({
  id: place?.id ?? '',
  dataset: { ...place?.dataset },
  offsetLeft: 0,
  offsetTop: 0,
})

type Wrapped = Record<string, unknown>
type Wrap = (this: Event<unknown>, target: Place, mark: unknown, current: Place) => Wrapped

let done = false

/** uni-app asks for the event's own properties, which glass-easel's events inherit. */
export function makeEventsPlain(): void {
  if (done) return
  done = true
  const prototype = Event.prototype as unknown as { wrapShadowedEvent: Wrap }
  const wrap = prototype.wrapShadowedEvent
  prototype.wrapShadowedEvent = function (target, mark, current) {
    if (this.detail instanceof Call) return raw(this.detail.values[0])
    const event = wrap.call(this, target, mark, current)
    return Object.assign(event, {
      type: this.type,
      timeStamp: this.timeStamp,
      detail: this.detail ?? {},
      target: plain(target),
      currentTarget: plain(current),
      mark: { ...(mark as object | null) },
    })
  }
}

/** glass-easel calls methods of what it hands to a listener that returned false; a value has none. */
const raw = (value: unknown): Wrapped => value as Wrapped
