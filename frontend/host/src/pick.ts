/** The files of a folder that the user picks in the browser. */

import { EXTENSIONS, type Files, IMAGES, platformOf } from './files'
import { MOST_FILES, MOST_IMAGE, MOST_TEXT } from './limits'
import type { Platform } from './types'

export type Fault = 'no-app' | 'several' | 'other-platform' | 'too-many' | 'too-large'

/** The folder is no mini program that the host can run. */
export class Unfit extends Error {
  constructor(
    readonly fault: Fault,
    /** Paths, if there are any to name. */
    readonly paths: string[] = [],
  ) {
    super([fault, ...paths].join(' '))
  }
}

export interface Picked {
  platform: Platform
  /** The folder that has `app.json`, as the user sees it. */
  name: string
  files: Files
}

/** Files of an `<input type="file" webkitdirectory>`. */
type Given = Pick<File, 'name' | 'size' | 'text' | 'arrayBuffer' | 'type'> & { webkitRelativePath?: string }

/** Reads the mini program in a folder, whether it is the folder itself or lies somewhere below. */
export async function pick(list: Iterable<Given>): Promise<Picked> {
  const all = new Map([...list].map((file) => [file.webkitRelativePath || file.name, file]))
  const roots = [...all.keys()].flatMap((path) =>
    /(^|\/)app\.json$/.test(path) ? [path.slice(0, -'app.json'.length)] : [],
  )
  const apps = roots.filter(
    (root) => !/(^|\/)node_modules\//.test(root) && !roots.some((other) => other !== root && root.startsWith(other)),
  )
  if (!apps.length) throw new Unfit('no-app')
  if (apps.length > 1) throw new Unfit('several', apps)
  const root = apps[0]!
  const inside = [...all].flatMap(([path, file]): [string, Given][] =>
    path.startsWith(root) ? [[path.slice(root.length), file]] : [],
  )
  const platform = platformOf(inside.map(([path]) => path))
  if (!platform) throw new Unfit('other-platform')
  const wanted = inside.filter(
    ([path, file]) => EXTENSIONS[platform].test(path) || (IMAGES.test(path) && file.size <= MOST_IMAGE),
  )
  if (wanted.length > MOST_FILES) throw new Unfit('too-many')
  if (wanted.reduce((sum, [, file]) => sum + file.size, 0) > MOST_TEXT) throw new Unfit('too-large')
  const read = wanted.map(async ([path, file]) => [
    path,
    IMAGES.test(path) ? await dataUrl(path, file) : await file.text(),
  ])
  return {
    platform,
    name: root.replace(/\/$/, '').split('/').at(-1) ?? '',
    files: Object.fromEntries(await Promise.all(read)) as Files,
  }
}

async function dataUrl(path: string, file: Given): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return `data:${type(path)};base64,${btoa(text)}`
}

function type(path: string): string {
  const extension = path.slice(path.lastIndexOf('.') + 1).toLowerCase()
  return `image/${extension === 'svg' ? 'svg+xml' : extension === 'jpg' ? 'jpeg' : extension}`
}
