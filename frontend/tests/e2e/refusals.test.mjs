/** What can go wrong between the tap and the number, as the user of the native components sees it, in jsdom. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { run } from '../host/jsdom.mjs'
import { example } from './native.mjs'
import { world } from './world.mjs'

let here
before(async () => {
  here = await world()
})
after(() => here?.close())

const words = await readFile(new URL('../../core/src/words.ts', import.meta.url), 'utf8')
/** What the kit says to the user; a refusal of the service has the service's own words. */
const TEXTS = Object.fromEntries([...words.matchAll(/^ {2}(\w+): \["(.+?)", /gm)].map(([, key, zh]) => [key, zh]))
const TEXT = '[class$=haoma-phone-text]'

/** Scene of the simulator: reason, the server's code if it was asked, whether the number may be typed. */
const SEEN = {
  wechat: {
    denied: ['denied', undefined, true],
    'errno-102-button': ['platform', undefined, true],
    'errno-103-button': ['privacy', undefined, true],
    'errno-104-button': ['privacy', undefined, true],
    'errno-112-button': ['platform', undefined, true],
    'errno-1400001-button': ['quota', undefined, true],
    'expired-code': ['server', 'expired', false],
    'used-code': ['server', 'expired', false],
  },
  alipay: {
    denied: ['denied', undefined, true],
    40003: ['denied', 'declined', true],
    40006: ['server', 'not-available', true],
    20000: ['server', 'try-later', false],
    'no-sign': ['server', 'not-available', true],
    tampered: ['server', 'not-verified', false],
    'no-phone-bound': ['server', 'no-phone', true],
    'used-login-code': ['server', 'expired', false],
  },
}

for (const [platform, scenes] of Object.entries(SEEN)) {
  for (const [scene, [reason, code, typing]] of Object.entries(scenes)) {
    test(`${platform}, ${scene}: ${reason}`, async (t) => {
      const phone = here.phone(platform, { scene })
      const page = await run(await example(platform), { api: phone.api })
      t.after(() => page.close())
      await page.until('[data-open-type^=get]:not([disabled])')
      await page.tap('[data-open-type^=get]')
      const text = (await page.until(TEXT)).textContent
      const title = phone.answers[0]?.body.title
      assert.equal(text, title ?? TEXTS[reason === 'quota' ? 'platform' : reason])
      assert.match(text, /^\p{Script=Han}[^a-z]+$/u)
      assert.equal(phone.answers[0]?.body.code, code)
      assert.equal(phone.sent.length, code ? 1 : 0)
      assert.equal(page.find('[class$=haoma-phone-number]') !== null, typing)
      assert.deepEqual(page.errors, [])
    })
  }
}

for (const platform of ['wechat', 'alipay']) {
  test(`${platform}: without a network, the same request goes once more, and nobody is asked again`, async (t) => {
    const phone = here.phone(platform)
    const bodies = new Set()
    let up = false
    const send = async (request) => {
      bodies.add(request.body)
      if (!up) throw new Error('no network')
      return phone.api.send(request)
    }
    const page = await run(await example(platform), { api: { ...phone.api, send } })
    t.after(() => page.close())
    await page.until('[data-open-type^=get]:not([disabled])')
    await page.tap('[data-open-type^=get]')
    assert.equal((await page.until(TEXT)).textContent, TEXTS.network)
    const again = await page.until('button[data-open-type=""]:not([disabled]):not([class*=haoma-phone-use])')
    up = true
    again.click()
    assert.match((await page.until('.number')).textContent, /^\d{3}\*{4}\d{4}$/)
    assert.equal(page.asked.length, 1)
    assert.equal(bodies.size, 1)
  })
}
