/** Compiles the shop on the simulator's phone, for WeChat and for Alipay: `node shop/build.mjs [FOLDER]`. */

import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile, files } from 'haoma-browser-host/tools'

const here = fileURLToPath(new URL('.', import.meta.url))
export const OUT = path.join(here, '../../src/haoma/simulator/phone/static')
const COMPONENTS = { wechat: 'miniprogram_dist', alipay: 'es' }

/** The shop is written for WeChat; Alipay has other names for the same things. */
const AXML = [[/\bwx:/g, 'a:'], [/\bbind(\w)(\w*)=/g, (_all, first, rest) => `on${first.toUpperCase()}${rest}=`]]

async function shop(platform) {
  const found = await files(here)
  const made = Object.assign({}, await files(path.join(here, '../native', COMPONENTS[platform])))
  delete made['sms.js'] // the shop does not ask for it
  for (const [name, text] of Object.entries(found)) {
    if (name === 'build.mjs') continue
    if (platform === 'wechat' || !name.endsWith('.wxml')) made[name] = text
    else made[name.replace('.wxml', '.axml')] = AXML.reduce((all, [from, to]) => all.replace(from, to), text)
  }
  // The page's own style sheet, so that a drawn shop and this one look alike.
  made[platform === 'wechat' ? 'app.wxss' : 'app.acss'] = await readFile(path.join(OUT, 'shop.css'), 'utf8')
  const { module, warnings } = await compile(made)
  if (warnings.length) throw new Error(warnings.join('\n'))
  return `// Written by frontend/shop/build.mjs.\n${module}`
}

export async function build(out) {
  for (const platform of Object.keys(COMPONENTS)) await writeFile(path.join(out, `shop-${platform}.js`), await shop(platform))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(path.resolve(process.argv[2] ?? OUT))
