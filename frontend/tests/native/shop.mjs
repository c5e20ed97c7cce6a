// The native examples as their tools pack them: with the package where `require` finds it.
import { fileURLToPath } from 'node:url'

import { files } from 'haoma-browser-host/tools'

const at = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const PACKAGES = {
  wechat: ['native/miniprogram_dist', 'miniprogram_npm/haoma-miniprogram'],
  alipay: ['native/es', 'node_modules/haoma-miniprogram/es'],
}

/** Returns the files of a shop, as `{path: text}`, with what is written into its `shop.js`. */
export async function shop(platform, written = {}) {
  const [folder, under] = PACKAGES[platform]
  const made = await files(at(`examples/native-${platform}`))
  for (const name of Object.keys(made)) if (name.includes('node_modules/')) delete made[name]
  for (const [name, value] of Object.entries(written)) {
    const before = made['shop.js']
    made['shop.js'] = before.replace(new RegExp(`const ${name} = '.*'`), `const ${name} = ${JSON.stringify(value)}`)
    if (made['shop.js'] === before) throw new Error(`shop.js has no ${name}`)
  }
  return { ...made, ...(await files(at(folder), under)) }
}
