/** CommonJS over the scripts of a folder. */

import { find } from './paths'
import type { Folder, Platform } from './types'

/** The names that a script sees, in the order in which it takes them. `api` is `wx` or `my`. */
export function globals(platform: Platform): string[] {
  const api = platform === 'alipay' ? 'my' : 'wx'
  return ['require', 'module', 'exports', api, ...SHARED]
}

const SHARED = ['App', 'Page', 'Component', 'Behavior', 'getApp', 'getCurrentPages', 'global']

export type Require = (path: string) => unknown

/** Returns a function that runs a script once and gives its exports. */
export function loader(folder: Folder, api: object, shared: Record<string, unknown>): Require {
  const loaded: Record<string, { exports: unknown }> = {}
  const values = [api, ...SHARED.map((name) => shared[name])]
  const load = (path: string): unknown => {
    const known = loaded[path]
    if (known) return known.exports
    const script = folder.modules[path]
    if (!script) throw new Error(`no script ${path}.js`)
    const made = { exports: {} as unknown }
    loaded[path] = made
    const need = (target: string): unknown => {
      const has = (each: string): boolean => each in folder.modules
      const main = (each: string): unknown => folder.json[`${each}/package`]?.['main']
      const place = find(path, target.replace(/\.js$/, ''), has, main)
      if (!place) throw new Error(`${path}.js requires ${target}, which is not there`)
      return load(place)
    }
    script.call(undefined, need, made, made.exports, ...values)
    return made.exports
  }
  return load
}
