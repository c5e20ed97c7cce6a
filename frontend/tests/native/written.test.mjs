// The buttons that are written by hand: those of the README, of the platforms' pages, and Alipay's own sample. They ask the
// real service, and the simulator is the platform.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import vm from 'node:vm'

import { KEY, world } from '../e2e/world.mjs'
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

describe("WeChat's mini game, in both languages", () => {
  /** `wx` of a mini game, on the phone of a world: its functions take callbacks, and give no promise. */
  function game(phone, allow) {
    const wx = { asked: [], said: [] }
    const done = (work, { success, fail, complete }) =>
      void work.then(success, fail).then(() => complete?.()).catch((error) => wx.said.push(error))
    wx.login = (asked) => done(phone.api.login(), asked)
    wx.onTouchEnd = (touched) => (wx.touched = touched)
    wx.getPhoneNumber = (asked) => {
      wx.asked.push(asked)
      const event = phone.api.tap({ allow }).then((played) => played.event)
      return done(event.then((each) => (each.errMsg === 'getPhoneNumber:ok' ? each : Promise.reject(each))), asked)
    }
    wx.request = ({ url, method, data, success, complete }) => {
      assert.equal(url, 'https://shop.example/v1/phone-number')
      const sent = phone.api.send({ method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(data) })
      done(sent.then(({ status, body }) => ({ statusCode: status, data: JSON.parse(body) })), { success, complete })
    }
    return wx
  }

  const played = async (page, options, allow = true) => {
    const { js } = await blocks(page, page.includes('zh-CN') ? '## 小游戏' : '## Mini games')
    const phone = backEnd('wechat', 'shop-wechat', options)
    const wx = game(phone, allow)
    vm.runInNewContext(js, { wx, console: { log: (found) => wx.said.push(found), warn: (...found) => wx.said.push(found) } })
    await until(() => phone.logins)
    await new Promise((resolve) => setTimeout(resolve, 50)) // the login arrives
    wx.touched()
    await until(() => wx.said.length)
    return { phone, wx }
  }

  for (const page of ['docs/platforms/wechat.md', 'docs/platforms/wechat.zh-CN.md']) {
    test(`${page}: the back end has the number, bound to the login of before the tap`, async () => {
      const { phone, wx } = await played(page, { scene: 'game' })
      const [{ status, body }] = phone.answers
      assert.equal(status, 200)
      assert.deepEqual(Object.keys(phone.taps[0].event).sort(), ['code', 'errMsg'])
      assert.equal(body.phone_number, phone.taps[0].phone_number)
      assert.ok(body.subject)
      assert.equal(wx.said[0].phone_number, body.phone_number)
      assert.equal(wx.asked[0].phoneNumberNoQuotaToast, false)
      await until(() => phone.logins === 2)
    })
  }

  for (const [page, heading] of [
    ['docs/front-end.md', '**Mini games**'],
    ['docs/front-end.zh-CN.md', '**小游戏**'],
  ]) {
    test(`${page}: the same with the core`, async (t) => {
      const { js } = await blocks(page, heading)
      const phone = here.phone('wechat', { scene: 'game' })
      const wx = game(phone, true)
      wx.getAppBaseInfo = () => ({ SDKVersion: '3.8.0' })
      wx.request = ({ url, method, data, success, fail }) => {
        assert.equal(url, 'https://phone.example.com/v1/apps/game/phone-number')
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${KEY}` }
        const sent = phone.api.send({ method, path: '/v1/apps/shop-wechat/phone-number', headers, body: data })
        sent.then(({ status, headers, body }) => success({ statusCode: status, header: headers, data: JSON.parse(body) }), fail)
      }
      globalThis.wx = wx
      t.after(() => delete globalThis.wx)
      const core = await import('haoma-core')
      const made = []
      function PhoneButton(options) {
        made.push(new core.PhoneButton(options))
        return made[0]
      }
      vm.runInNewContext(js, { wx, require: () => ({ PhoneButton }), console: { log: (text) => wx.said.push(text) } })
      t.after(() => made.forEach((button) => button.stop()))
      await until(() => phone.logins)
      await new Promise((resolve) => setTimeout(resolve, 50))
      await wx.touched()
      assert.equal(phone.answers[0].status, 200)
      assert.deepEqual(wx.said, [phone.answers[0].body.masked])
    })
  }

  test('declined, and called outside a tap: nothing is sent', async () => {
    for (const [options, allow, words] of [
      [{ scene: 'game' }, false, /user deny/],
      [{ scene: 'game-not-tapped' }, true, /TAP gesture/],
      [{ scene: 'errno-1400001-button' }, true, /no quota/],
    ]) {
      const { phone, wx } = await played('docs/platforms/wechat.md', options, allow)
      assert.match(wx.said[0][0], words)
      assert.equal(phone.sent.length, 0)
    }
  })
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
