/** Reads the files of a mini program and compiles its templates. It runs in Node and in the browser. */

import { transform } from 'sucrase'
import { EXTENSIONS, type Files, IMAGES } from './files'
import { markup } from './markup'
import { globals } from './modules'
import type { Json, Platform } from './types'

export { platformOf } from './files'

/** The template compiler of glass-easel. */
export interface Compiler {
  addTmpl(path: string, text: string): unknown
  addScript(path: string, text: string): void
  getTmplGenObjectGroups(): string
  free(): void
}

/** A folder whose parts are still text. */
export interface Sources {
  platform: Platform
  json: Record<string, Json>
  scripts: Record<string, string>
  /** An expression: an object of templates by path. */
  templates: string
  styles: Record<string, string>
  assets: Record<string, string>
  /** What the template compiler had to say. */
  warnings: string[]
}

export class NoMiniProgram extends Error {}

export function read(platform: Platform, files: Files, compiler: Compiler): Sources {
  const sources: Sources = { platform, json: {}, scripts: {}, templates: '', styles: {}, assets: {}, warnings: [] }
  for (const path of Object.keys(files).sort()) {
    const text = files[path]!
    if (IMAGES.test(path)) sources.assets[path] = text
    else if (EXTENSIONS[platform].test(path)) add(sources, path, text, compiler)
  }
  if (!Array.isArray(sources.json['app']?.pages) || !sources.json['app'].pages.length) {
    throw new NoMiniProgram('app.json has no pages')
  }
  sources.templates = compiler.getTmplGenObjectGroups()
  return sources
}

function add(sources: Sources, path: string, text: string, compiler: Compiler): void {
  const dot = path.lastIndexOf('.')
  const place = path.slice(0, dot)
  switch (path.slice(dot + 1)) {
    case 'json':
      try {
        sources.json[place] = JSON.parse(text) as Json
      } catch (error) {
        if (place === 'app') throw new NoMiniProgram(`app.json: ${(error as Error).message}`)
      }
      break
    case 'js':
      sources.scripts[place] = plain(text)
      break
    case 'wxml':
    case 'axml': {
      const said = compiler.addTmpl(place, markup(sources.platform, text))
      for (const each of Array.isArray(said) ? said : []) {
        sources.warnings.push(`${path}: ${String((each as { message?: string }).message ?? each)}`)
      }
      break
    }
    case 'wxs':
    case 'sjs':
      compiler.addScript(place, text.replace(/export\s+default\b/, 'module.exports ='))
      break
    default:
      sources.styles[place] = text
  }
}

/** Scripts may be written with `import`; the loader knows `require`. */
function plain(text: string): string {
  if (!/^\s*(import\b(?!\s*\()|export\b)/m.test(text)) return text
  return transform(text, { transforms: ['imports'], production: true, disableESTransforms: true }).code
}

/** Returns an expression that is the folder. Whoever runs it needs no eval. */
export function expression(sources: Sources): string {
  const names = globals(sources.platform).join(', ')
  const modules = Object.entries(sources.scripts).map(
    ([path, text]) => `${JSON.stringify(path)}: function (${names}) {\n${text}\n}`,
  )
  return `{
platform: ${JSON.stringify(sources.platform)},
json: ${JSON.stringify(sources.json)},
styles: ${JSON.stringify(sources.styles)},
assets: ${JSON.stringify(sources.assets)},
templates: ${sources.templates},
modules: {
${modules.join(',\n')}
}
}`
}
