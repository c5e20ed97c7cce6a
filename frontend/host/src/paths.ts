/** Paths of a mini program: no leading slash, no extension. */

export function normal(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** Returns the places where `target` may lie when `from` names it, best first. */
export function places(from: string, target: string): string[] {
  if (target.startsWith('/')) return [normal(target)]
  const folder = from.split('/').slice(0, -1)
  const beside = normal([...folder, target].join('/'))
  if (target.startsWith('.')) return [beside]
  const found = [beside]
  for (let depth = folder.length; depth >= 0; depth -= 1) {
    for (const store of ['miniprogram_npm', 'node_modules']) {
      found.push(normal([...folder.slice(0, depth), store, target].join('/')))
    }
  }
  return [...found, normal(target)]
}

/** Returns the first place that `has` knows: itself, its `index`, or what `main` names in its package.json. */
export function find(
  from: string,
  target: string,
  has: (path: string) => boolean,
  main: (folder: string) => unknown = () => undefined,
): string | undefined {
  for (const place of places(from, target)) {
    const named = main(place)
    const within = typeof named === 'string' ? normal(`${place}/${named.replace(/\.js$/, '')}`) : `${place}/index`
    const found = [place, within, `${place}/index`].find(has)
    if (found !== undefined) return found
  }
  return undefined
}
