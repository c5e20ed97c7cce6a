/** What a page and a frame say to each other. The page believes nothing of what it hears. */

import { MOST_BODY, MOST_HEADER, MOST_HEADERS, MOST_PATH, MOST_WORDS } from './limits'
import type { Files } from './files'
import type { Platform, Sent } from './types'

/** From the frame to the window of the page, once: it is there. The page answers with a port and a `Start`. */
export const HELLO = 'haoma-frame'

export interface Start {
  platform: Platform
  files: Files
  /** The template compiler. */
  compiler: ArrayBuffer
  page?: string
  system?: Record<string, unknown>
  config?: Record<string, unknown>
}

/** From the frame: a question that gets an answer, or a word. */
export type Said =
  | { id: number; ask: 'login' | 'authorize' | 'number' }
  | { id: number; ask: 'ask'; openType: string }
  | { id: number; ask: 'send'; request: Sent }
  | { tell: 'title' | 'error' | 'warning'; text: string }
  | { tell: 'started' }

/** From the page: the answer to a question. */
export type Answered = { id: number; value: unknown } | { id: number; error: string }

/** From the page: the mini program is shown again. */
export type Shown = { show: true }

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
const OPEN_TYPES = ['getPhoneNumber', 'getRealtimePhoneNumber']
type Bag = Record<string, unknown>

const isBag = (value: unknown): value is Bag => typeof value === 'object' && value !== null
const isText = (value: unknown, most: number): value is string => typeof value === 'string' && value.length <= most

/** Returns what the frame said, as far as it is understood; the rest is dropped. */
export function heard(value: unknown): Said | undefined {
  if (!isBag(value)) return undefined
  const { id, ask, tell, text } = value
  if (tell === 'started') return { tell }
  if (tell === 'title' || tell === 'error' || tell === 'warning') {
    return typeof text === 'string' ? { tell, text: text.slice(0, MOST_WORDS) } : undefined
  }
  if (!Number.isSafeInteger(id)) return undefined
  const known = id as number
  if (ask === 'login' || ask === 'authorize' || ask === 'number') return { id: known, ask }
  if (ask === 'ask') {
    const openType = OPEN_TYPES.find((each) => each === value['openType'])
    return openType ? { id: known, ask, openType } : undefined
  }
  const request = ask === 'send' ? sent(value['request']) : undefined
  return request ? { id: known, ask: 'send', request } : undefined
}

function sent(value: unknown): Sent | undefined {
  if (!isBag(value)) return undefined
  const { method, path, headers, body } = value
  const known = METHODS.find((each) => each === method)
  if (!known || !isText(path, MOST_PATH) || !path.startsWith('/') || !isText(body, MOST_BODY) || !isBag(headers))
    return undefined
  const pairs = Object.entries(headers)
  if (
    pairs.length > MOST_HEADERS ||
    !pairs.every(([name, each]) => name.length <= MOST_HEADER && isText(each, MOST_HEADER))
  )
    return undefined
  return { method: known, path, headers: Object.fromEntries(pairs) as Record<string, string>, body }
}
