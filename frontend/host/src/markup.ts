/** WXML and AXML, as the template compiler takes them. */

import type { Platform } from './types'

const TAG = /<!--[\s\S]*?-->|<(\/?)([A-Za-z][\w-]*)((?:"[^"]*"|'[^']*'|[^'">])*?)(\/?)>/g
const ATTRIBUTE = /([^\s=/"']+)(\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+))?/g

export function markup(platform: Platform, text: string): string {
  return platform === 'alipay' ? defaults(tags(text, alipay)) : tags(text, wechat)
}

/** Returns the names of the properties that a template sets, by tag. */
export function attributes(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  tags(text, (tag, name, value) => {
    const own =
      /^(?!on[A-Z]|catch[A-Z]|data-)[\w-]+$/.test(name) &&
      !['class', 'style', 'id', 'slot', 'key', 'ref'].includes(name)
    if (own) found.set(tag, (found.get(tag) ?? new Set()).add(camel(name)))
    return name + value
  })
  return found
}

const camel = (name: string): string => name.replace(/-(\w)/g, (_all, letter: string) => letter.toUpperCase())

type Rename = (tag: string, name: string, value: string) => string

function tags(text: string, rename: Rename): string {
  return text.replace(TAG, (all: string, end: string, tag: string, attributes: string, alone: string) => {
    if (!tag || end) return all.startsWith('</import-sjs') ? '</wxs>' : all
    const renamed = attributes.replace(ATTRIBUTE, (_all, name: string, value: string | undefined) =>
      rename(tag, name, value ?? ''),
    )
    return `<${tag === 'import-sjs' ? 'wxs' : tag}${renamed}${alone}>`
  })
}

/** The compiler knows `bind:tap`; pages also write `bindtap`. */
const wechat: Rename = (_tag, name, value) =>
  name.replace(/^(capture-bind|capture-catch|mut-bind|bind|catch)([a-z]\w*)$/, '$1:$2') + value

const alipay: Rename = (tag, name, value) => {
  if (tag === 'import-sjs') {
    if (name === 'name') return `module${value}`
    if (name === 'from') return `src${value.replace(/\.sjs(?=["'])/, '')}`
  }
  if ((tag === 'import' || tag === 'include') && name === 'src') return name + value.replace(/\.axml(?=["'])/, '')
  const listener = /^(on|catch|capture|captureCatch)([A-Z]\w*)$/.exec(name)
  if (listener) return `${LISTENERS[listener[1]!]}:${listener[2]}${value}`
  return name.replace(/^a:/, 'wx:') + value
}

const LISTENERS: Record<string, string> = {
  on: 'bind',
  catch: 'catch',
  capture: 'capture-bind',
  captureCatch: 'capture-catch',
}

/** A slot of Alipay shows its content if the parent gives none. */
function defaults(text: string): string {
  return text.replace(
    /<slot((?:"[^"]*"|'[^']*'|[^'">/])*)>([\s\S]*?)<\/slot>/g,
    (all, attributes: string, inner: string) => {
      if (!inner.trim()) return all
      const name = /\bname\s*=\s*["']([^"']+)["']/.exec(attributes)?.[1] ?? '$default'
      const given = `$slots['${name}']`
      return `<slot wx:if="{{${given}}}"${attributes}></slot><block wx:else>${inner}</block>`
    },
  )
}
