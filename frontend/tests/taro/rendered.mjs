// From the button to the account: the emitted pages in Chromium, in front of the real service and the simulated
// platforms. The sheet, `wx` and `my` are the browser host's.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chromium } from 'playwright-core'

import { world } from '../e2e/world.mjs'
import { folder } from './build.mjs'

let here
before(async () => (here = await world({ accounts: true })), { timeout: 120_000 })
after(() => here?.close())

const button = 'text=手机号一键下单'

for (const framework of ['react', 'vue3']) {
  for (const target of ['weapp', 'alipay']) {
    describe(`${framework}, ${target}, in Chromium`, () => {
      const open = (options) => here.open(folder(framework, target), options)

      test('allowed: the number is on the page, and the account has it', async () => {
        const page = await open()
        await page.click(button)
        await page.allow()
        const { masked, account } = await answered(page)
        await page.waitForSelector(`text=${masked}`)
        const read = await here.ask(`/v1/accounts/${account}/read`, { reveal: true, reason: 'test' })
        assert.equal(read.phone_number, page.phone.taps[0].phone_number)
        assert.deepEqual(page.phone.sent[0].body.consent, { policy: '2026-01', scene: 'checkout' })
        assert.equal(page.phone.sent.length, 1)
        assert.deepEqual(page.errors, [])
        await page.end()
      })

      test('declined: nothing is sent, and the number can be typed', async () => {
        const page = await open()
        await page.click(button)
        await page.deny()
        await page.waitForSelector('text=没有获得授权，可以再点一次')
        assert.deepEqual(page.phone.sent, [])
        await page.click(button)
        await page.allow()
        await page.waitForSelector(`text=${(await answered(page)).masked}`)
        assert.deepEqual(page.errors, [])
        await page.end()
      })
    })
  }
}

async function answered(page) {
  await page.waitForFunction(() => !document.querySelector('[role=dialog]:not([hidden])'))
  for (let turn = 0; turn < 100 && page.phone.answers.length === 0; turn++) await page.waitForTimeout(50)
  const [{ status, body }] = page.phone.answers
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

for (const framework of ['react', 'vue3']) {
  test(`${framework}, h5: a web page has no such button, and shows the other way alone`, async () => {
    const site = await serve(folder(framework, 'h5'))
    const browser = await chromium.launch({ executablePath: process.env.HAOMA_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
    try {
      const page = await browser.newPage()
      const errors = []
      page.on('pageerror', (error) => errors.push(String(error)))
      await page.goto(site.url)
      await page.waitForSelector('text=当前版本不能获取手机号')
      assert.equal(await page.locator(button).count(), 0)
      assert.equal(await page.locator('.haoma-phone-button').count(), 0)
      await page.fill('.haoma-phone-number input', '13800000000')
      await page.click('text=用这个号码')
      await page.waitForSelector('.number >> text=13800000000')
      assert.deepEqual(errors, [])
    } finally {
      await browser.close()
      site.close()
    }
  })
}

async function serve(root) {
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
  const server = http.createServer((request, response) => {
    const file = path.join(root, request.url === '/' ? 'index.html' : new URL(request.url, 'http://x').pathname)
    const found = fs.existsSync(file)
    response.writeHead(found ? 200 : 404, { 'content-type': `${types[path.extname(file)] ?? 'text/plain'}; charset=utf-8` })
    response.end(found ? fs.readFileSync(file) : '')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() }
}
