/** The platform's `<button>`, with the open types that ask for a phone number. */

import { triggerEvent } from 'glass-easel'
import type { Event, Phone } from './device'
import { valuesOf } from './tags'

/** A component of glass-easel. */
interface Button {
  data: { openType: string | null; scope: string | null; formType: string | null; disabled: boolean; loading: boolean }
  /** Null once it is gone; its properties may still change. */
  getBackendElement(): HTMLButtonElement | null
}

/** Properties that a page may set, and that change nothing here. */
const IGNORED = [
  ...['plain', 'name', 'lang', 'hoverClass', 'hoverStopPropagation', 'hoverStartTime', 'hoverStayTime', 'publicId'],
  ...['sessionFrom', 'sendMessageTitle', 'sendMessagePath', 'sendMessageImg', 'appParameter', 'showMessageCard'],
  ...['businessId', 'phoneNumberNoQuotaToast'],
]

/** Returns what the engine registers as `button`. */
export function button(phone: Phone, failed: (error: unknown) => void): object {
  const fire = (self: Button, name: string, detail: Event) => triggerEvent(self as never, name, detail, {})

  async function press(self: Button): Promise<void> {
    const { openType, scope, formType } = self.data
    const element = self.getBackendElement()
    if (element?.matches(':focus')) held.add(element)
    if (formType) submit(self, formType)
    if (phone.platform === 'alipay') {
      if (openType !== 'getAuthorize' || scope !== 'phoneNumber') return
      const error = await phone.authorize()
      if (error) fire(self, 'Error', { type: 'getAuthorize', ...error })
      else fire(self, 'GetAuthorize', {})
      return
    }
    for (const type of (openType ?? '').split('|')) {
      if (type === 'agreePrivacyAuthorization') fire(self, type.toLowerCase(), { errMsg: `${type}:ok` })
      else if (type === 'getPhoneNumber' || type === 'getRealtimePhoneNumber') {
        const event = await phone.ask(type)
        fire(self, type.toLowerCase(), { ...event, errMsg: named(event['errMsg'], type) })
      }
    }
  }

  function submit(self: Button, type: string): void {
    const form = self.getBackendElement()?.closest('form') as (HTMLFormElement & { __wxElement?: unknown }) | null
    if (!form?.__wxElement) return
    if (type === 'reset') form.reset()
    const name = phone.platform === 'alipay' ? type[0]!.toUpperCase() + type.slice(1) : type
    triggerEvent(form.__wxElement as never, name, type === 'reset' ? {} : { value: valuesOf(form) }, {})
  }

  function show(self: Button): void {
    const element = self.getBackendElement()
    if (!element) return
    if (element.matches(':focus')) held.add(element)
    element.disabled = self.data.disabled
    if (!element.disabled && held.has(element) && nothingFocused()) {
      held.delete(element)
      element.focus({ preventScroll: true })
    }
    element.setAttribute('aria-busy', String(self.data.loading))
    element.setAttribute('data-open-type', self.data.openType ?? '')
  }

  return {
    properties: {
      ...Object.fromEntries(IGNORED.map((name) => [name, { type: null, value: '' }])),
      openType: { type: null, value: '' },
      scope: { type: null, value: '' },
      formType: { type: null, value: '' },
      type: { type: null, value: '' },
      size: { type: null, value: '' },
      ariaLabel: { type: null, value: '' },
      disabled: Boolean,
      loading: Boolean,
    },
    observers: {
      'openType, disabled, loading'(this: Button) {
        show(this)
      },
      type(this: Button, type: string | null) {
        this.getBackendElement()?.setAttribute('data-type', type ?? '')
      },
      size(this: Button, size: string | null) {
        this.getBackendElement()?.setAttribute('data-size', size ?? '')
      },
      ariaLabel(this: Button, label: string | null) {
        if (label) this.getBackendElement()?.setAttribute('aria-label', label)
      },
    },
    lifetimes: {
      attached(this: Button) {
        show(this)
        this.getBackendElement()?.addEventListener('click', () => {
          if (!this.data.disabled) void press(this).catch(failed)
        })
      },
    },
  }
}

/** Buttons that had focus when they were pressed or disabled. A browser takes focus from a disabled button for good. */
const held = new WeakSet<HTMLButtonElement>()

function nothingFocused(): boolean {
  let at = document.activeElement
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
  return !at || at === document.body || Boolean(at.shadowRoot)
}

/** A scene that was played for one button says `getPhoneNumber:ok`; the realtime one has its own name. */
function named(message: unknown, type: string): unknown {
  return typeof message === 'string' ? message.replace(/^\w+(?=:)/, type) : message
}
