// One file, because all need the same builds.

import { build } from './build.mjs'

await build()
await import('./emitted.mjs')
await import('./checked.mjs')
await import('./rendered.mjs')
