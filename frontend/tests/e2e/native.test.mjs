/** The native components in their examples: a tap in Chromium, the real service, the simulator, an account. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { example } from './native.mjs'
import { APPS, KEY, world } from './world.mjs'

const TEXT = '[class$=haoma-phone-text]'
const NUMBER = '[class$=haoma-phone-number]'
const BUTTON = 'text=手机号一键下单'
let here
before(async () => {
  here = await world({ accounts: true })
})
after(() => here?.close())

for (const platform of ['wechat', 'alipay']) {
  const open = async (options) => here.open(await example(platform), options)

  test(`${platform}: allowed, the number is on the page and in an account`, async () => {
    const page = await open({ user: `user of ${platform}` })
    await page.click(BUTTON)
    await page.allow()
    const [{ phone_number }] = await page.until(() => page.phone.taps)
    await page.locator('.number').waitFor()
    const [{ body }] = page.phone.answers
    assert.equal(await page.textContent('.number'), `${phone_number.slice(3, 6)}****${phone_number.slice(-4)}`)
    const [sent] = page.phone.sent
    assert.equal(sent.path, `/v1/apps/${APPS[platform]}/phone-number`)
    assert.equal(sent.headers.authorization, `Bearer ${KEY}`)
    assert.deepEqual(sent.body.consent, { policy: '2026-01', scene: 'checkout' })
    assert.equal(sent.body.login_code, page.phone.taps[0].login_code)
    const account = await here.ask(`/v1/accounts/${body.account}/read`, { reveal: true, reason: 'test' })
    assert.equal(account.phone_number, phone_number)
    assert.deepEqual(page.errors, [])
    await page.end()
  })

  test(`${platform}: the same user is the same account`, async () => {
    const accounts = []
    for (const link of ['new', 'linked']) {
      const page = await open({ user: `twice of ${platform}` })
      await page.click(BUTTON)
      await page.allow()
      await page.locator('.number').waitFor()
      assert.equal(page.phone.answers[0].body.link, link)
      accounts.push(page.phone.answers[0].body.account)
      await page.end()
    }
    assert.equal(accounts[0], accounts[1])
  })

  test(`${platform}: denied, nothing is sent, the user is told, and may type the number or tap again`, async () => {
    const page = await open()
    await page.click(BUTTON)
    await page.deny()
    await page.locator('text=没有获得授权，可以再点一次').waitFor()
    assert.equal(await page.locator('text=denied').count(), 0)
    assert.deepEqual(page.phone.sent, [])
    await page.click(BUTTON)
    await page.allow()
    await page.locator('.number').waitFor()
    assert.equal(page.phone.answers[0].status, 200)
    await page.end()

    const typing = await open()
    await typing.click(BUTTON)
    await typing.deny()
    await typing.fill(NUMBER, '13800138000')
    await typing.click('text=用这个号码')
    await typing.locator('.number').filter({ hasText: '13800138000' }).waitFor()
    assert.deepEqual([...page.errors, ...typing.errors], [])
    await typing.end()
  })

  test(`${platform}: with the keyboard alone`, async () => {
    const page = await open()
    await page.locator('[data-open-type]:not([disabled])').waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.allow()
    await page.locator('.number').waitFor()
    await page.end()
  })

  test(`${platform}: an old base library gets the fallback and no button`, async () => {
    const page = await open({ system: { SDKVersion: '1.9.0' }, without: ['getPhoneNumber'] })
    await page.locator(NUMBER).waitFor()
    assert.equal(await page.locator('[data-open-type^=get]').count(), 0)
    assert.equal(page.phone.logins, 0)
    await page.end()
  })
}

test('wechat: a code that was used is refused, and the next tap has a fresh login', async () => {
  const page = await here.open(await example('wechat'), { scene: 'used-code' })
  await page.click(BUTTON)
  await page.allow()
  await page.locator(TEXT).waitFor()
  assert.equal(await page.textContent(TEXT), page.phone.answers[0].body.title)
  assert.equal(page.phone.answers[0].body.code, 'expired')
  await page.until(() => page.phone.logins === 2)
  await page.end()
})

test('alipay: an envelope without a signature is refused', async () => {
  const page = await here.open(await example('alipay'), { scene: 'no-sign' })
  await page.click(BUTTON)
  await page.allow()
  await page.locator(TEXT).waitFor()
  assert.equal(await page.textContent(TEXT), page.phone.answers[0].body.title)
  assert.equal(page.phone.answers[0].body.code, 'not-available')
  assert.equal(await page.locator(NUMBER).count(), 1) // the user cannot mend it, so the number may be typed
  await page.end()
})
