/** The page's side of a frame in which a developer's own mini program runs. */

import { Device, type Event, TakenAway } from './device'
import { MOST_AT_ONCE, MOST_WAITING } from './limits'
import type { Picked } from './pick'
import type { Api, Sheet } from './types'
import { type Answered, HELLO, heard, type Said, type Start } from './wire'

export interface Framing {
  sheet: Sheet
  api: Api
  /** Where the host's files lie; beside this script if absent. */
  base?: string
  /** What the frame is called, for those who do not see it. */
  label?: string
  page?: string
  system?: Record<string, unknown>
  config?: Record<string, unknown>
  onStarted?: () => void
  onTitle?: (title: string) => void
  /** Called with what the mini program throws, or why it does not start. Show it as text. */
  onError?: (text: string) => void
  /** Called with what the template compiler has to say. */
  onWarning?: (text: string) => void
}

export interface Opened {
  frame: HTMLIFrameElement
  /** Tells the page that it is shown again, after it was covered. */
  show(): void
  destroy(): void
}

/** Runs picked files in a sandboxed frame in an element. */
export async function open(element: HTMLElement, picked: Picked, framing: Framing): Promise<Opened> {
  const base = framing.base ?? new URL('.', import.meta.url).href
  const answer = await fetch(new URL('compiler.wasm', base))
  if (!answer.ok) throw new Error(`compiler.wasm: ${answer.status}`)
  const compiler = await answer.arrayBuffer()
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', 'allow-scripts')
  frame.title = framing.label ?? picked.name
  const { port1: port, port2: other } = new MessageChannel()
  const device = new Device(picked.platform, framing.sheet, framing.api)

  const greeted = (event: MessageEvent): void => {
    // A sandboxed frame has no origin. Whoever else says hello gets nothing.
    if (event.source !== frame.contentWindow || event.origin !== 'null' || event.data !== HELLO) return
    removeEventListener('message', greeted)
    const { page, system, config } = framing
    const start: Start = { platform: picked.platform, files: picked.files, compiler, page, system, config }
    frame.contentWindow!.postMessage(start, '*', [other])
  }
  addEventListener('message', greeted)
  port.onmessage = listen(port, device, framing)
  frame.src = new URL('frame.html', base).href
  element.replaceChildren(frame)
  return {
    frame,
    show: () => port.postMessage({ show: true }),
    destroy() {
      removeEventListener('message', greeted)
      port.close()
      frame.remove()
    },
  }
}

/** Answers what the frame asks, a few questions at once; the others wait. */
function listen(port: MessagePort, device: Device, framing: Framing): (event: MessageEvent) => void {
  const waiting: Question[] = []
  let open = 0
  const next = (): void => {
    const question = open < MOST_AT_ONCE ? waiting.shift() : undefined
    if (!question) return
    open += 1
    void answer(device, question)
      .then((value): Answered => ({ id: question.id, value }))
      .catch((error: unknown): Answered => ({ id: question.id, error: words(error) }))
      .then((answered) => {
        open -= 1
        port.postMessage(answered)
        next()
      })
    next()
  }
  return ({ data }) => {
    const said = heard(data)
    if (!said) refuse(port, data, 'not understood, or too large')
    else if ('tell' in said) told(said, framing)
    else if (waiting.length >= MOST_WAITING) refuse(port, said, 'too many at once')
    else {
      waiting.push(said)
      next()
    }
  }
}

const words = (error: unknown): string => (error instanceof TakenAway ? '' : String((error as Error)?.message ?? error))

type Question = Exclude<Said, { tell: string }>

function answer(device: Device, said: Question): Promise<Event | object | undefined> {
  switch (said.ask) {
    case 'login':
      return device.login()
    case 'authorize':
      return device.authorize()
    case 'number':
      return device.number()
    case 'ask':
      return device.ask(said.openType)
    case 'send':
      return device.send(said.request)
  }
}

function told(said: Extract<Said, { tell: string }>, framing: Framing): void {
  if (said.tell === 'started') framing.onStarted?.()
  else if (said.tell === 'title') framing.onTitle?.(said.text)
  else if (said.tell === 'error') framing.onError?.(said.text)
  else framing.onWarning?.(said.text)
}

function refuse(port: MessagePort, data: unknown, error: string): void {
  const id = (data as { id?: unknown } | null)?.id
  if (typeof id === 'number') port.postMessage({ id, error })
}
