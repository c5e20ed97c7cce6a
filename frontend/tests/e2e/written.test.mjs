/** Pages without a component, written by hand: a tap in Chromium, the real service, the simulator, an account. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { APPS, KEY, SERVER, world } from './world.mjs'

const SAID = '[id$="--said"]'
const folder = (name) => fileURLToPath(new URL(`../host/${name}`, import.meta.url))
let here
before(async () => {
  here = await world({ accounts: true })
})
after(() => here?.close())

for (const platform of ['wechat', 'alipay']) {
  const config = { server: SERVER, app: APPS[platform], key: KEY }

  test(`${platform}: allowed, the number is on the page and in an account`, async () => {
    const page = await here.open(folder(platform), { config })
    await page.click('[id$="--ask"]')
    await page.allow()
    await page.locator(SAID).filter({ hasText: '200' }).waitFor()
    const [{ body }] = page.phone.answers
    const [{ phone_number }] = page.phone.taps
    assert.ok((await page.textContent(SAID)).endsWith(`${body.masked}`))
    assert.equal(body.masked, `${phone_number.slice(3, 6)}****${phone_number.slice(-4)}`)
    assert.equal(body.link, 'new')
    const account = await here.ask(`/v1/accounts/${body.account}/read`, { reveal: true, reason: 'test' })
    assert.equal(account.phone_number, phone_number)
    assert.deepEqual(page.errors, [])
    await page.end()
  })

  test(`${platform}: denied, nothing is sent`, async () => {
    const page = await here.open(folder(platform), { config })
    await page.click('[id$="--ask"]')
    await page.deny()
    await page
      .locator(SAID)
      .filter({ hasText: platform === 'wechat' ? 'deny' : '取消' })
      .waitFor()
    assert.deepEqual(page.phone.sent, [])
    assert.deepEqual(page.errors, [])
    await page.end()
  })
}

test('a refusal of the platform is on the page, in the short words that a page may see', async () => {
  const config = { server: SERVER, app: APPS.wechat, key: KEY }
  const page = await here.open(folder('wechat'), { config, scene: 'expired-code' })
  await page.click('[id$="--ask"]')
  await page.allow()
  await page.locator(SAID).filter({ hasText: 'expired' }).waitFor()
  assert.equal(page.phone.answers[0].body.code, 'expired')
  await page.end()
})
