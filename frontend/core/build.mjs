// Builds the core as a module and as CommonJS. The language level is what every base library of the platforms runs.
import { build } from 'esbuild'

const shared = {
  bundle: true,
  target: 'es2015',
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: '/* haoma-core; SPDX-License-Identifier: Apache-2.0 */' },
}
for (const name of ['index', 'sms']) {
  const entryPoints = [new URL(`src/${name}.ts`, import.meta.url).pathname]
  const out = new URL(`dist/${name}`, import.meta.url).pathname
  await build({ ...shared, entryPoints, format: 'esm', outfile: out + '.js' })
  await build({ ...shared, entryPoints, format: 'cjs', outfile: out + '.cjs' })
}
