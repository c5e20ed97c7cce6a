/** Writes the bundles of the simulator's page: `node build.mjs [FOLDER]`. The same sources give the same bytes. */

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle, inside, licences } from './tools/index.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const require = createRequire(import.meta.url)
export const OUT = path.join(here, '../../src/haoma/simulator/phone/static/host')

export async function build(out) {
  await mkdir(out, { recursive: true })
  const packages = []
  for (const [entry, name, format] of [
    ['src/index.ts', 'host.js', 'esm'],
    ['src/frame.ts', 'frame.js', 'iife'],
  ]) {
    const { metafile, outputFiles } = await bundle(entry, { format, metafile: true })
    packages.push(...inside(metafile))
    await writeFile(path.join(out, name), outputFiles[0].text)
  }
  await copyFile(path.join(here, 'src/frame.html'), path.join(out, 'frame.html'))
  const compiler = require.resolve('glass-easel-template-compiler/pkg/glass_easel_template_compiler_bg.wasm')
  await copyFile(compiler, path.join(out, 'compiler.wasm'))
  const rust = await readFile(path.join(here, 'compiler-rust.txt'), 'utf8')
  await writeFile(path.join(out, 'licences.txt'), await licences([...packages, 'glass-easel-template-compiler'], rust))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(path.resolve(process.argv[2] ?? OUT))
