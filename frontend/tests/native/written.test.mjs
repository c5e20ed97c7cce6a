// The buttons that are written by hand: those of the README, of the platforms' pages, and Alipay's own sample. They ask the
// real service, and the simulator is the platform.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import vm from 'node:vm'

import { world } from '../e2e/world.mjs'
import { run } from '../host/jsdom.mjs'

const text = (name) => readFile(new URL(`../../../${name}`, import.meta.url), 'utf8')

let here
before(async () => {
  here = await world()
})
after(() => here?.close())

/** The blocks of code below a line of a page. */
async function blocks(name, heading) {
  const page = await text(name)
  const from = page.indexOf(heading)
  assert.ok(from >= 0, `${name} has no ${heading}`)
  const found = {}
  for (const [, language, code] of page.slice(from).matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) found[language] ??= code
  return found
}

/** The back end of a shop: forwards the body as it is, with its own key, to the route of its app. */
function backEnd(platform, app, options) {
  const phone = here.phone(platform, options)
  const { send } = phone.api
  phone.api.send = (asked) =>
    send({ ...asked, path: `/v1/apps/${app}/phone-number`, headers: { ...asked.headers, authorization: `Bearer ${here.key}` } })
  return phone
}

async function open(t, page, phone, allow) {
  const shown = await run({ 'app.json': '{"pages": ["page"]}', 'app.js': 'App({})', ...page }, { api: phone.api, allow })
  t.after(() => {
    shown.mounted.destroy()
    shown.close()
  })
  assert.deepEqual([shown.warnings, shown.errors], [[], []])
  return shown
}

const until = async (found) => {
  for (let i = 0; i < 500 && !found(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  return found()
}

for (const [platform, app, markup, heading] of [
  ['alipay', 'shop', 'axml', '<b>Alipay 支付宝 (native)</b>'],
  ['wechat', 'shop-wechat', 'wxml', '<b>WeChat 微信 (native)</b>'],
]) {
  describe(`the README's button for ${platform}`, () => {
    const page = async () => {
      const { html, js } = await blocks('docs/guide.md', heading)
      return { [`page.${markup}`]: html, 'page.js': `const SERVER = 'https://shop.example/v1'\n${js}` }
    }

    test('allowed: the back end has the number, bound to the login that was taken before the tap', async (t) => {
      const phone = backEnd(platform, app)
      const shown = await open(t, await page(), phone)
      assert.equal(phone.logins, 1)
      shown.find('button').click()
      const [{ status, body }] = await until(() => phone.answers.length && phone.answers)
      assert.equal(status, 200)
      assert.equal(body.phone_number, phone.taps[0].phone_number)
      assert.ok(body.subject)
      await until(() => phone.logins === 2)
      assert.equal(phone.logins, 2, 'a new login after the answer')
    })

    test('declined: nothing is sent', async (t) => {
      const phone = backEnd(platform, app)
      const shown = await open(t, await page(), phone, false)
      shown.window.console.warn = () => {}
      await shown.tap('button')
      assert.deepEqual([phone.taps.length, phone.sent.length, phone.logins], [1, 0, 1])
    })
  })
}

test("Alipay's own sample, unchanged but for the address of the server", async (t) => {
  const js = await text('frontend/tests/native/official/page.js')
  const phone = backEnd('alipay', 'shop')
  const shown = await open(
    t,
    {
      'page.axml': await text('frontend/tests/native/official/page.axml'),
      'page.js': js.replace('https://your-server-address', 'https://shop.example/v1/phone-number'),
    },
    phone,
  )
  shown.find('button').click()
  const [{ status, body }] = await until(() => phone.answers.length && phone.answers)
  assert.equal(status, 200)
  assert.equal(body.phone_number, phone.taps[0].phone_number)
  assert.equal(typeof phone.sent[0].body.sign, 'string', 'the string itself is the body')
  await shown.settled()
  assert.ok(shown.mounted.root.textContent.includes(body.phone_number), 'my.alert shows it')
})

/** A platform without an engine that runs here: the template names the method, and the page is called as the platform does. */
for (const [platform, name, login] of [
  ['baidu', 'swan', 'getLoginCode'],
  ['douyin', 'tt', 'login'],
  ['kuaishou', 'ks', 'login'],
]) {
  test(`the button on ${platform}'s page`, async () => {
    const { html, js } = await blocks(`docs/platforms/${platform}.md`, '## ')
    assert.match(html, /open-type="getPhoneNumber" bindgetphonenumber="onPhone"/)
    const said = []
    let page
    const host = {
      [login]: ({ success }) => (said.push('login'), success({ code: `login-${said.length}` })),
      request: (asked) => {
        said.push(asked)
        asked.complete()
      },
    }
    vm.runInNewContext(js, { Page: (made) => (page = made), [name]: host })
    page.setData = (data) => Object.assign(page.data, data)
    page.onLoad()
    assert.deepEqual(said, ['login'])
    const detail = { errMsg: 'getPhoneNumber:ok', encryptedData: 'ED', iv: 'IV' }
    page.onPhone({ detail })
    const [, asked, again] = said
    assert.equal(asked.method, 'POST')
    assert.equal(asked.data.login_code, 'login-1')
    assert.deepEqual([asked.data.authorization.encryptedData, asked.data.authorization.iv], ['ED', 'IV'])
    assert.equal(again, 'login', 'a new login after the answer')
  })
}
