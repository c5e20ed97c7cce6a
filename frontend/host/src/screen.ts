/** The part of glass-easel that draws: into a shadow root, and without inline styles, so that a strict CSP may hold. */

import { CurrentWindowBackendContext, triggerEvent } from 'glass-easel'
import { decorate, valueOf } from './tags'
import type { Platform } from './types'

type Drawn = HTMLElement & { __wxElement?: unknown }

/** Events of the DOM that mini programs know by the same name, and what their detail is. */
const DETAILS: Record<string, (element: HTMLElement) => unknown> = {
  input: (element) => ({ value: valueOf(element) }),
  change: (element) => ({ value: valueOf(element) }),
  focus: (element) => ({ value: valueOf(element) }),
  blur: (element) => ({ value: valueOf(element) }),
  load: () => ({}),
  error: () => ({ errMsg: 'no such image' }),
}

export class Screen extends CurrentWindowBackendContext {
  private readonly heard = new WeakMap<object, Set<string>>()

  constructor(
    private readonly root: ShadowRoot,
    private readonly platform: Platform,
    assets: (path: string) => string,
  ) {
    super()
    const own: object = {
      createElement: (tag: string) => decorate(tag, assets),
      createTextNode: (text: string) => document.createTextNode(text),
      createDocumentFragment: () => document.createDocumentFragment(),
    }
    this.document = own as typeof this.document
    // A click is a tap: of a mouse, a finger, a key or a screen reader.
    this.root.addEventListener('click', (event) => this.pass(event, 'tap', { x: 0, y: 0 }))
  }

  override getRootNode(): never {
    return this.root as unknown as never
  }

  /** A hidden page has no animation frames, but what waits for the drawing goes on. */
  override render(done: (error: Error | null) => void): void {
    queueMicrotask(() => done(null))
  }

  override setListenerStats(element: never, name: string): void {
    const drawn = element as Drawn | null
    const type = name.toLowerCase()
    if (!drawn || !(type in DETAILS || type === 'confirm')) return
    const heard = this.heard.get(drawn) ?? new Set()
    if (heard.has(type)) return
    this.heard.set(drawn, heard.add(type))
    if (type !== 'confirm') {
      drawn.addEventListener(type, (event) => this.pass(event, type, DETAILS[type]!(drawn)))
      return
    }
    drawn.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !event.isComposing) this.pass(event, 'confirm', { value: valueOf(drawn) })
    })
  }

  /** Passes an event of the DOM to the component engine. */
  private pass(event: Event, type: string, detail: unknown): void {
    let node = event.target as (Node & { __wxElement?: unknown }) | null
    while (node && !node.__wxElement) node = node.parentNode
    if (!node) return
    const name = this.platform === 'alipay' ? type[0]!.toUpperCase() + type.slice(1) : type
    const bubbles = type === 'tap' || event.bubbles
    triggerEvent(node.__wxElement as never, name, detail, {
      originalEvent: event,
      bubbles,
      composed: true,
      capturePhase: true,
    })
  }
}
