/** `wx.request` and `my.request`: what the page sends goes to the service, whatever host the page names. */

import type { Phone } from './device'
import type { Received } from './types'

const TIMEOUT = 60_000
const MOST = 128 * 1024

export interface Request {
  url?: string
  method?: string
  data?: unknown
  header?: Record<string, unknown>
  headers?: Record<string, unknown>
  dataType?: string
  timeout?: number
}

export interface Reply {
  status: number
  headers: Record<string, string>
  data: unknown
}

/** What went wrong before there was an answer. */
export class Failed extends Error {
  constructor(
    readonly kind: 'url' | 'large' | 'timeout' | 'network',
    message: string,
  ) {
    super(message)
  }
}

export async function request(phone: Phone, asked: Request): Promise<Reply> {
  const method = (asked.method ?? 'GET').toUpperCase()
  const headers = Object.fromEntries(
    Object.entries({ 'content-type': 'application/json', ...asked.header, ...asked.headers }).map(([name, value]) => [
      name.toLowerCase(),
      String(value),
    ]),
  )
  const url = parsed(asked.url ?? '')
  const reads = method === 'GET' || method === 'HEAD'
  if (reads && asked.data && typeof asked.data === 'object') {
    for (const [name, value] of Object.entries(asked.data)) url.searchParams.append(name, String(value))
  }
  const body = reads ? '' : encoded(asked.data, headers['content-type']!)
  if (body.length > MOST) throw new Failed('large', `more than ${MOST} characters`)
  const sent = phone.send({ method, path: url.pathname + url.search, headers, body })
  return reply(await within(asked.timeout ?? TIMEOUT, sent), asked.dataType)
}

function parsed(text: string): URL {
  try {
    if (/^https?:\/\//.test(text)) return new URL(text)
  } catch {
    // URL.canParse is of 2023
  }
  throw new Failed('url', `not an address: ${text}`)
}

function encoded(data: unknown, type: string): string {
  if (data === undefined || data === null) return ''
  if (typeof data !== 'object') return String(data)
  if (!type.includes('x-www-form-urlencoded')) return JSON.stringify(data)
  return new URLSearchParams(Object.entries(data).map(([name, value]) => [name, String(value)])).toString()
}

async function within(milliseconds: number, sent: Promise<Received>): Promise<Received> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Failed('timeout', 'timeout')), milliseconds)
  })
  try {
    return await Promise.race([sent, late])
  } catch (error) {
    throw error instanceof Failed ? error : new Failed('network', String((error as Error)?.message ?? error))
  } finally {
    clearTimeout(timer)
  }
}

/** JSON is parsed, as both platforms do; what is not JSON stays text. */
function reply(received: Received, dataType = 'json'): Reply {
  const { status, headers, body } = received
  if (dataType !== 'json' && dataType !== 'JSON') return { status, headers, data: body }
  try {
    return { status, headers, data: JSON.parse(body) }
  } catch {
    return { status, headers, data: body }
  }
}
