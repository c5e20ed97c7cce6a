// Writes the core into the component's folder. The file is in the repository, so that the folder can be copied into
// `uni_modules` as it is; a test compares them.
import { copyFile } from 'node:fs/promises'

const at = (path) => new URL(path, import.meta.url)

await copyFile(at('../core/dist/kit.js'), at('js_sdk/haoma-core.js'))
