/** For Node: compiles folders, and bundles the host. Used by the build and by the tests. */

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

/** Bundles an entry of the host: returns its text, or with `metafile` what esbuild returns. */
export async function bundle(entry, options = {}) {
  const made = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
    ...options,
  })
  return options.metafile ? made : made.outputFiles[0].text
}

/** The packages in a bundle. */
export function inside({ inputs }) {
  return Object.keys(inputs).flatMap((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? [])
}

/** The licences of packages, as one text, with what else is to be said. */
export async function licences(packages, ...more) {
  const texts = []
  for (const name of [...new Set(packages)].sort()) {
    const folder = require.resolve
      .paths(name)
      .map((each) => path.join(each, name))
      .find((each) => existsSync(path.join(each, 'package.json')))
    const { version, license } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'))
    const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each))
    const text = file ? await readFile(path.join(folder, file), 'utf8') : ''
    texts.push(`${name} ${version}, ${license}\n\n${text.replace(/\r/g, '').trim()}\n`)
  }
  return [ABOUT + '\n', ...texts, ...more].join(`\n${RULE}`)
}

const ABOUT = 'host.js and frame.js contain parts of these packages; compiler.wasm is copied from one of them as it is.'
const RULE = `${'-'.repeat(80)}\n\n`

let reader
/** src/folder.ts, for Node. */
async function folders() {
  reader ??= bundle('src/folder.ts', { minify: false }).then(
    (text) => import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`),
  )
  return reader
}

const TYPES = { png: 'png', jpg: 'jpeg', jpeg: 'jpeg', gif: 'gif', webp: 'webp', svg: 'svg+xml' }

/** Reads the files of a folder. `under` is where they will lie in the mini program. */
export async function files(folder, under = '') {
  const found = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const full = path.join(entry.parentPath, entry.name)
    const name = path.posix.join(under, path.relative(folder, full).split(path.sep).join('/'))
    const type = TYPES[path.extname(name).slice(1).toLowerCase()]
    const content = await readFile(full, type ? 'base64' : 'utf8')
    found[name] = type ? `data:image/${type};base64,${content}` : content
  }
  return found
}

/** Compiles the files of a mini program to the text of a script: an ES module whose default is the folder. */
export async function compile(content) {
  const { expression, platformOf, read } = await folders()
  const { TmplGroup } = require('glass-easel-template-compiler')
  const platform = platformOf(Object.keys(content))
  if (!platform) throw new Error('neither .wxml nor .axml: not a folder of WeChat or Alipay')
  const compiler = new TmplGroup()
  try {
    const sources = read(platform, content, compiler)
    return { platform, warnings: sources.warnings, module: `export default ${expression(sources)}\n` }
  } finally {
    compiler.free()
  }
}
