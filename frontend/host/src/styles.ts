/** Style sheets of mini programs, as style sheets of the shadow root. */

import { normal } from './paths'
import { BASE, RENAMED } from './tags'
import type { Folder, Platform } from './types'

const COLOURS: Record<Platform, string> = { wechat: '#07c160', alipay: '#1677ff' }
const MOST_IMPORTS = 20

export class Styles {
  private readonly usable: boolean

  constructor(
    private readonly root: ShadowRoot,
    private readonly folder: Folder,
  ) {
    this.usable =
      'adoptedStyleSheets' in root && typeof CSSStyleSheet === 'function' && 'replaceSync' in CSSStyleSheet.prototype
    this.adopt(BASE.replace('var(--platform)', COLOURS[folder.platform]))
  }

  /** Adds the sheet of a page or component. Its classes get the prefix of the component's scope. */
  add(path: string, scope: string): void {
    const text = this.text(path, MOST_IMPORTS)
    if (text) this.adopt(text, (rules) => rewrite(rules, scope))
  }

  private adopt(text: string, change?: (rules: CSSRuleList) => void): void {
    if (!this.usable) return
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(text)
    change?.(sheet.cssRules)
    this.root.adoptedStyleSheets = [...this.root.adoptedStyleSheets, sheet]
  }

  private text(path: string, depth: number): string {
    const text = this.folder.styles[path]
    if (text === undefined || depth === 0) return ''
    const folder = path.split('/').slice(0, -1).join('/')
    return text
      .replace(/@import\s+(?:url\()?["']([^"']+?)(?:\.\w+)?["']\)?\s*;/g, (_all, target: string) =>
        this.text(normal(target.startsWith('/') ? target : `${folder}/${target}`), depth - 1),
      )
      .replace(/(-?(?:\d+\.)?\d+)rpx\b/g, 'calc($1 * var(--rpx))')
      .replace(/(-?(?:\d+\.)?\d+)v([wh])\b/g, (_all, amount: string, axis: string) => `${amount}cq${axis}`)
  }
}

function rewrite(rules: CSSRuleList, scope: string): void {
  for (const rule of rules) {
    if (rule instanceof CSSStyleRule) rule.selectorText = selector(rule.selectorText, scope)
    else if ('cssRules' in rule && !(rule instanceof CSSKeyframesRule)) rewrite(rule.cssRules as CSSRuleList, scope)
  }
}

function selector(text: string, scope: string): string {
  const renamed = text.replace(/(^|[\s>+~,(])([a-z]+)(?![\w-])/g, (all, before: string, tag: string) =>
    RENAMED[tag] ? before + RENAMED[tag] : all,
  )
  const known = renamed
    .replace(/#([\w-]+)/g, '[id$="--$1"]')
    .replace(/:host\b/g, scope ? `[wx-host="${scope}"]` : 'page')
  return scope ? known.replace(/\.(-?[_a-zA-Z\u0080-\uffff][\w\u0080-\uffff-]*)/g, `.${scope}--$1`) : known
}
