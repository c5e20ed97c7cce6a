/** From the tap in Chromium to the number and the account: the emitted pages, the real service, the simulator. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

import { KEY, world } from '../e2e/world.mjs'
import { TARGETS } from './targets.mjs'

const BUTTON = 'text=手机号一键下单'
const folder = (target, of = '') => fileURLToPath(new URL(`../../examples/uni-app/dist/${of}build/${target}`, import.meta.url))
let here
before(async () => {
  here = await world({ accounts: true })
})
after(() => here?.close())

for (const target of ['mp-weixin', 'mp-alipay']) {
  const { platform, app } = TARGETS[target]

  for (const [name, place] of [['package', folder(target)], ['plugin', folder(target, 'plugin/dist/')]]) {
    test(`${target}, ${name}: allowed, the number is on the page and in an account`, async () => {
      const page = await here.open(place)
      await page.click(BUTTON)
      await page.allow()
      await page.locator('text=/^1\\d\\d\\*{4}\\d{4}$/').waitFor()
      const [{ path, headers, body: sent }] = page.phone.sent
      assert.equal(path, `/v1/apps/${app}/phone-number`)
      assert.equal(headers.authorization, `Bearer ${KEY}`)
      assert.equal(typeof sent.login_code, 'string')
      assert.deepEqual(sent.consent, { policy: '2026-01', scene: 'checkout' })
      assert.deepEqual(Object.keys(sent.authorization)[0], platform === 'alipay' ? 'response' : 'code')
      const [{ status, body }] = page.phone.answers
      const [{ phone_number }] = page.phone.taps
      assert.equal(status, 200)
      assert.equal(body.masked, `${phone_number.slice(3, 6)}****${phone_number.slice(-4)}`)
      assert.ok(await page.locator(`text=${body.masked}`).isVisible())
      const account = await here.ask(`/v1/accounts/${body.account}/read`, { reveal: true, reason: 'test' })
      assert.equal(account.phone_number, phone_number)
      assert.deepEqual(page.errors, [])
      await page.end()
    })
  }

  test(`${target}: denied, nothing is sent, and the other way is offered`, async () => {
    const page = await here.open(folder(target))
    assert.equal(await page.locator('text=用这个号码').count(), 0)
    await page.click(BUTTON)
    await page.deny()
    await page.locator('text=用这个号码').waitFor()
    assert.equal(await page.textContent('[class$="haoma-phone-text"]'), '没有获得授权，可以再点一次')
    assert.equal(await page.locator('text=denied').count(), 0)
    assert.deepEqual(page.phone.sent, [])
    assert.deepEqual(page.errors, [])
    await page.end()
  })
}

test('WeChat: a code that the service refuses is said in words for users, and the next tap has a new login', async () => {
  const page = await here.open(folder('mp-weixin'), { scene: 'expired-code' })
  await page.click(BUTTON)
  await page.allow()
  await page.locator('[class$="haoma-phone-text"]').waitFor()
  assert.equal(page.phone.answers[0].body.code, 'expired')
  assert.equal(await page.textContent('[class$="haoma-phone-text"]'), page.phone.answers[0].body.title)
  assert.equal(page.phone.logins, 2)
  assert.deepEqual(page.errors, [])
  await page.end()
})

test('h5: no button, no request, only the way without it', async () => {
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
  const server = createServer(async ({ url }, response) => {
    const file = url === '/' ? 'index.html' : url.slice(1)
    const content = await readFile(path.join(folder('h5'), file)).catch(() => undefined)
    response.writeHead(content ? 200 : 404, { 'content-type': types[path.extname(file)] ?? 'text/plain' }).end(content)
  }).listen(0, '127.0.0.1')
  const browser = await chromium.launch({ executablePath: process.env.HAOMA_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const page = await browser.newPage()
    const asked = []
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(`http://127.0.0.1:${server.address().port}/`)
    await page.locator('text=用这个号码').waitFor()
    assert.equal(await page.locator('text=手机号一键下单').count(), 0)
    assert.equal(await page.locator('uni-button.haoma-phone-button').count(), 0)
    await page.fill('input', '13800002222')
    await page.click('text=用这个号码')
    await page.locator('.number', { hasText: '13800002222' }).waitFor()
    assert.deepEqual(asked.filter((url) => url.includes('phone.example.com')), [])
  } finally {
    await browser.close()
    server.close()
  }
})
