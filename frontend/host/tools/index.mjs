/** For Node: compiles folders, and bundles the host. Used by the build and by the tests. */

import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

/** Bundles one entry of the host, and returns its text. */
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
