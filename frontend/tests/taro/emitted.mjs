// The example pages as Taro's toolchain emits them. They run in a Node VM, where the platform is ours and only the
// attributes that the emitted template binds can fire.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { KEY, SERVER } from '../e2e/world.mjs'
import { builds, folder } from './build.mjs'
import { MiniProgram } from './mini.mjs'
import { platforms, response } from './platforms.mjs'

const accepted = () => ({ status: 200, body: { masked: '138****0000', phone_number: '+8613800000000' } })
const minis = builds.filter(({ target }) => target !== 'h5')
const apps = { weapp: 'shop-wechat', alipay: 'shop', swan: 'shop-baidu', tt: 'shop-douyin', qq: 'shop-qq', jd: 'shop-jd' }

/** Opens the page of a build and waits until it has logged in. */
async function open({ framework, target }, answer = accepted) {
  const asked = []
  const getPhoneNumber = (args) => {
    asked.push(args)
    setTimeout(() => args.success({ response }))
  }
  const page = new MiniProgram(folder(framework, target), target, answer, target === 'alipay' ? { getPhoneNumber } : {})
  after(() => page.close())
  await page.settled()
  return Object.assign(page, { asked })
}

for (const each of minis) {
  const { framework, target } = each
  const { sent, ...platform } = platforms[target]

  describe(`${framework}, ${target}`, () => {
    test('the button has the attributes that the platform documents', async () => {
      const { button, text } = await open(each)
      assert.equal(button['open-type'], platform.openType)
      assert.equal(button.scope, platform.scope)
      assert.equal(button[platform.attribute], 'eh')
      assert.equal(button.disabled, false)
      if (target === 'alipay') assert.equal(button.onError, 'eh')
      if (target === 'weapp') assert.equal(button.bindgetrealtimephonenumber, 'eh')
      assert.match(text, /我们用手机号通知你取货，详见《隐私政策》。.*2026-01/)
    })

    test('it logs in before the tap, and not in the event', async () => {
      let loginsWhenSent
      const page = await open(each, () => {
        loginsWhenSent = page.logins.length
        return accepted()
      })
      assert.deepEqual(page.logins, ['LOGIN-1'])
      await page.tap('allow')
      assert.equal(loginsWhenSent, 1)
    })

    test('allowed: one body is posted, and the number is on the page', async () => {
      const page = await open(each)
      await page.tap('allow')
      assert.equal(page.requests.length, 1)
      const [{ url, method, body, headers }] = page.requests
      assert.equal(url, `${SERVER}/v1/apps/${apps[target]}/phone-number`)
      assert.equal(method, 'POST')
      assert.equal(headers['content-type'], 'application/json')
      assert.equal(headers.authorization, `Bearer ${KEY}`)
      assert.equal(body.login_code, 'LOGIN-1')
      assert.deepEqual(body.consent, { policy: '2026-01', scene: 'checkout' })
      if (sent) assert.deepEqual(pick(body.authorization, Object.keys(sent)), sent)
      if (target === 'alipay') assert.equal(page.asked.length, 1)
      assert.match(page.text, /138\*\*\*\*0000/)
      assert.equal(page.button, undefined)
    })

    test('declined: nothing is posted, the user is told and offered another way', async () => {
      const page = await open(each)
      await page.tap('deny')
      assert.deepEqual(page.requests, [])
      assert.match(page.text, /没有获得授权，可以再点一次/)
      assert.ok(page.has('typed'))
      assert.equal(page.button.disabled, false)
      assert.deepEqual(page.said, [['no number:', 'denied', undefined]])
    })

    test('tapped twice: one body is posted', async () => {
      let answer
      const page = await open(each, () => new Promise((resolve) => (answer = resolve)))
      await Promise.all([page.tap('allow'), page.tap('allow')])
      assert.equal(page.requests.length, 1)
      assert.equal(page.button.disabled, true)
      assert.equal(page.button.loading, true)
      await page.tap('allow')
      answer(accepted())
      await page.settled()
      assert.equal(page.requests.length, 1)
      assert.match(page.text, /138\*\*\*\*0000/)
    })
  })
}

function pick(from, names) {
  return Object.fromEntries(names.map((name) => [name, from[name]]))
}
