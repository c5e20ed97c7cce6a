// Builds the core as a module and as CommonJS. The language level is what every base library of the platforms runs.
import { rm } from 'node:fs/promises'
import { build } from 'esbuild'

const shared = {
  bundle: true,
  target: 'es2015',
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: '/* haoma-core; SPDX-License-Identifier: Apache-2.0 */\n// @ts-nocheck: what it is made of is checked' },
}
const at = (path) => new URL(path, import.meta.url).pathname
const [index, sms, kit] = ['index', 'sms', 'kit'].map((name) => at(`src/${name}.ts`))

await rm(at('dist'), { recursive: true, force: true })
// What both have, such as the login, they share.
await build({ ...shared, entryPoints: [index, sms], format: 'esm', splitting: true, outdir: at('dist'), chunkNames: 'shared' })
for (const each of [index, sms]) {
  await build({ ...shared, entryPoints: [each], format: 'cjs', outdir: at('dist'), outExtension: { '.js': '.cjs' } })
}
// Both in one file, for the components that carry the core with them.
await build({ ...shared, entryPoints: [kit], format: 'cjs', outdir: at('dist'), outExtension: { '.js': '.cjs' } })
await build({ ...shared, entryPoints: [kit], format: 'esm', outdir: at('dist') })
