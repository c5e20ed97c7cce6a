// Builds the core as a module and as CommonJS. The language level is what every base library of the platforms runs.
import { build } from 'esbuild'

const shared = {
  entryPoints: [new URL('src/index.ts', import.meta.url).pathname],
  bundle: true,
  target: 'es2015',
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: '/* haoma-core; SPDX-License-Identifier: Apache-2.0 */' },
}
const out = new URL('dist/index', import.meta.url).pathname
await build({ ...shared, format: 'esm', outfile: out + '.js' })
await build({ ...shared, format: 'cjs', outfile: out + '.cjs' })
