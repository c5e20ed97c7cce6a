/** Reads the files of a mini program and compiles its templates. It runs in Node and in the browser. */

import { transform } from 'sucrase'
import { EXTENSIONS, type Files, IMAGES } from './files'
import { attributes, markup } from './markup'
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
  /** Alipay: the properties that templates set, by the tag of a component. */
  attributes: Record<string, string[]>
  /** What the template compiler had to say. */
  warnings: string[]
}

export class NoMiniProgram extends Error {}

export function read(platform: Platform, files: Files, compiler: Compiler): Sources {
  const sources: Sources = {
    platform,
    json: {},
    scripts: {},
    templates: '',
    styles: {},
    assets: {},
    attributes: {},
    warnings: [],
  }
  for (const path of Object.keys(files).sort()) {
    const text = files[path]!
    if (IMAGES.test(path)) sources.assets[path] = text
    else if (EXTENSIONS[platform].test(path)) add(sources, path, text, compiler)
  }
  if (!Array.isArray(sources.json['app']?.pages) || !sources.json['app'].pages.length) {
    throw new NoMiniProgram('app.json has no pages')
  }
  const used = new Set(Object.values(sources.json).flatMap((json) => Object.keys(json?.usingComponents ?? {})))
  sources.attributes = Object.fromEntries(Object.entries(sources.attributes).filter(([tag]) => used.has(tag)))
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
      if (sources.platform === 'alipay') note(sources, text)
      const said = compiler.addTmpl(place, apart(sources, place, markup(sources.platform, text), compiler))
      for (const each of Array.isArray(said) ? said : []) {
        sources.warnings.push(`${path}: ${String((each as { message?: string }).message ?? each)}`)
      }
      break
    }
    case 'wxs':
    case 'sjs':
      compiler.addScript(place, script(sources.platform, text))
      break
    default:
      sources.styles[place] = text
  }
}

/** Scripts of templates name each other with their extension, and Alipay's are written with `import`. */
function script(platform: Platform, text: string): string {
  const required = plain(text).replace(/(\brequire\(\s*["'][^"']+)\.(?:wxs|sjs)(?=["'])/g, '$1')
  if (platform === 'alipay') return /\bexports\.\s*default\b/.test(required) ? `${required}\n${AS_DEFAULT}` : required
  return WXS + required.replace(/\b([\w$]+(?:\.[\w$]+)*)\.constructor\b/g, 'typeOf($1)')
}

/** A template sees what a script exports as its default. */
const AS_DEFAULT = 'module.exports = Object.assign(exports.default || {}, exports);'

/** WXS has functions of its own, and a value's constructor is a name there. */
const WXS = `var getRegExp = function (text, flags) { return new RegExp(text, flags) };
var getDate = function () { return new (Date.bind.apply(Date, [null].concat([].slice.call(arguments)))) };
var typeOf = function (value) { return value.constructor.name };
`

/** A component of Alipay gets what its parent sets, also what it does not declare. */
function note(sources: Sources, text: string): void {
  for (const [tag, names] of attributes(text)) {
    sources.attributes[tag] = [...new Set([...(sources.attributes[tag] ?? []), ...names])].sort()
  }
}

/** Takes the scripts out of a template, so that all are read in one way. */
function apart(sources: Sources, place: string, text: string, compiler: Compiler): string {
  return text.replace(/<wxs\s+module=["']([\w-]+)["']\s*>([\s\S]*?)<\/wxs>/g, (_all, name: string, inner: string) => {
    const own = `${place}.${name}`
    compiler.addScript(own, script(sources.platform, inner))
    return `<wxs module="${name}" src="/${own}" />`
  })
}

/** Scripts may be written with `import`; the loader knows `require`. */
function plain(text: string): string {
  if (!/(^|[\s;}])(import\s*[\w{*"']|export\s*[\w{*])/.test(text)) return text
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
attributes: ${JSON.stringify(sources.attributes)},
templates: ${sources.templates},
modules: {
${modules.join(',\n')}
}
}`
}
