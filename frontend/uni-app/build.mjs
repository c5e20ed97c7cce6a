// Puts the core into the component's folder: one folder is the npm package and the plugin in uni_modules, and the
// latter has no packages.
import { copyFile, mkdir } from 'node:fs/promises'

const at = (path) => new URL(path, import.meta.url)

await mkdir(at('js_sdk'), { recursive: true })
await copyFile(at('../core/dist/index.js'), at('js_sdk/haoma-core.js'))
