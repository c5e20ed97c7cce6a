/**
 * Without the component: the button of the README, and stock code of uni-app. Their pages are built by uni-app's compiler
 * and run in the browser host; the service is real, and the simulator is the platform.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { files } from 'haoma-browser-host/tools'

import { world } from '../e2e/world.mjs'
import { run } from '../host/jsdom.mjs'
import { TARGETS } from './targets.mjs'

let here
before(async () => {
  here = await world()
})
after(() => here?.close())

/** Opens a page whose back end forwards the body as it is, with its own key. */
async function open(t, target, name, { allow = true, scene } = {}) {
  const { platform, app } = TARGETS[target]
  const phone = here.phone(platform, { scene })
  const { send } = phone.api
  const headers = { authorization: `Bearer ${here.key}` }
  phone.api.send = (asked) => send({ ...asked, path: `/v1/apps/${app}/phone-number`, headers: { ...asked.headers, ...headers } })
  const folder = fileURLToPath(new URL(`../../examples/uni-app/dist/plugin/dist/build/${target}`, import.meta.url))
  const page = await run(await files(folder), { api: phone.api, allow, page: `pages/${name}/${name}` })
  page.window.console.warn = () => {}
  t.after(() => {
    page.mounted.destroy()
    page.close()
  })
  await until(() => phone.logins === 1)
  return { page, phone }
}

async function until(isSo) {
  for (const from = Date.now(); !isSo(); ) {
    if (Date.now() - from > 10_000) throw new Error(`it never came so: ${isSo}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

for (const [name, what] of [['hand', "the README's button"], ['stock', "uni-app's own way"]]) {
  for (const target of ['mp-weixin', 'mp-alipay']) {
    test(`${what}, ${target}: allowed, the back end has the number`, async (t) => {
      const { page, phone } = await open(t, target, name)
      page.find('button').click()
      await until(() => phone.answers.length)
      const [{ status, body }] = phone.answers
      assert.equal(status, 200, JSON.stringify(body))
      assert.equal(body.phone_number, phone.taps[0].phone_number)
      assert.ok(body.subject, 'it was sent with the login')
      if (name === 'hand') await until(() => phone.logins === 2) // a code works once
      assert.deepEqual(page.errors, [])
    })
  }
}

for (const target of ['mp-weixin', 'mp-alipay']) {
  test(`the README's button, ${target}: declined, nothing is sent`, async (t) => {
    const { page, phone } = await open(t, target, 'hand', { allow: false })
    await page.tap('button')
    await page.settled()
    assert.equal(page.asked.length, 1)
    assert.deepEqual(phone.sent, [])
    assert.deepEqual(page.errors, [])
  })
}

test("uni-app's own way, Alipay: an error reply comes as an object where the data should be, and is told as what it is", async (t) => {
  const { page, phone } = await open(t, 'mp-alipay', 'stock', { scene: '40001-missing-encrypt-key' })
  page.find('button').click()
  await until(() => phone.answers.length)
  assert.equal(phone.sent[0].body.encryptedData.code, '40001')
  assert.equal(phone.answers[0].body.code, 'platform.encryption-not-configured')
})
