/** Takes the pictures of README and docs: `node tests/page/screenshots.mjs`. */

import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { browser, Page, root, simulate } from './world.mjs'

const OUT = path.join(root, 'docs/images')
const PICTURES = [
  ['phone-refused', { query: 'platform=alipay&scene=no-sign', height: 1020 }, 'allow'],
  ['phone-verified', { query: 'platform=wechat', height: 940, scheme: 'dark' }, 'allow'],
  ['phone-sheet', { query: 'platform=douyin', width: 390, height: 844 }, 'sheet'],
]

const [simulator, chrome] = await Promise.all([simulate(), browser()])
try {
  await mkdir(OUT, { recursive: true })
  for (const [lang, ending] of [['en', ''], ['zh', '.zh-CN']]) {
    for (const [name, options, act] of PICTURES) {
      const page = await Page.open(chrome, simulator, { ...options, query: `lang=${lang}&${options.query}` })
      await (act === 'sheet' ? page.tap() : page.allow())
      await page.page.locator('#address').evaluate((address) => (address.textContent = '127.0.0.1:8900'))
      await page.page.waitForTimeout(400)
      await page.page.screenshot({ path: path.join(OUT, `${name}${ending}.png`) })
      await page.end()
    }
  }
} finally {
  await chrome.close()
  await simulator.stop()
}
