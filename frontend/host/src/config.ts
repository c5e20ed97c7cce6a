/** What the JSON files of a folder say about its pages and components. */

import { find, normal } from './paths'
import type { Folder, Json } from './types'

export class Config {
  private readonly known = new Map<string, Json>()

  constructor(private readonly folder: Folder) {}

  /** The JSON of a page or component, with the places of its components found. */
  of(path: string): Json {
    const known = this.known.get(path) ?? this.read(path)
    this.known.set(path, known)
    return known
  }

  /** The components that a page or component uses. */
  uses(path: string): string[] {
    return Object.values(this.of(path).usingComponents ?? {}).map(normal)
  }

  /** The names of the properties that any template sets on a component. */
  set(path: string): string[] {
    const tags = Object.keys(this.folder.json).flatMap((from) =>
      Object.entries(this.of(from).usingComponents ?? {}).flatMap(([tag, place]) =>
        normal(place) === path ? [tag] : [],
      ),
    )
    return [...new Set(tags.flatMap((tag) => this.folder.attributes?.[tag] ?? []))]
  }

  /** A component may say in its script whom its style sheet is for. */
  isolate(path: string, isolation: unknown): void {
    this.known.set(path, { ...this.of(path), styleIsolation: isolation })
  }

  /** The prefix of the classes in a style sheet; empty where pages and components share theirs. */
  scope(path: string): string {
    const { component, styleIsolation } = this.of(path)
    const own = component ? !styleIsolation || OWN.includes(String(styleIsolation)) : styleIsolation === 'isolated'
    return own ? prefix(path) : ''
  }

  private read(path: string): Json {
    const json = this.folder.json[path] ?? {}
    const inherited = path === 'app' ? {} : this.folder.json['app']?.usingComponents
    const using = Object.entries({ ...inherited, ...json.usingComponents }).flatMap(([tag, target]) => {
      const place = this.place(json.usingComponents?.[tag] === undefined ? 'app' : path, target)
      return place === undefined ? [] : [[tag, `/${place}`]]
    })
    // Alipay's components share the style sheets of the page, unless they say otherwise.
    const shared = this.folder.platform === 'alipay' && json.component ? { styleIsolation: 'shared' } : {}
    return { ...shared, ...json, usingComponents: Object.fromEntries(using) as Record<string, string> }
  }

  private place(from: string, target: string): string | undefined {
    if (/^(plugin|dynamicLib|ext):/.test(target)) return undefined
    return find(from, target, (each) => each in this.folder.templates)
  }
}

const OWN = ['isolated', 'apply-shared']

export const prefix = (path: string): string => path.replace(/[^\w-]/g, '-')
