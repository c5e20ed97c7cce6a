/** The host, in jsdom: small pages that use what components and pages of both platforms use. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compile, files } from 'haoma-browser-host/tools'
import { run } from './jsdom.mjs'

const folder = (name) => files(fileURLToPath(new URL(name, import.meta.url)))
const config = { server: 'https://shop.example', app: 'shop', key: 'key' }
const SMALL = { 'app.json': '{"pages": ["a"]}', 'a.wxml': '<view id="said">{{said}}</view>' }
const answer = { masked: '138****8888' }

/** A platform that hands over a number, and a service that knows it. */
function phone({ event, status = 200, body = answer } = {}) {
  const taps = []
  return {
    taps,
    api: {
      login: async () => ({ code: 'login' }),
      tap: async ({ allow }) => (taps.push(allow), { event: event(allow) }),
      send: async () => ({ status, headers: {}, body: typeof body === 'string' ? body : JSON.stringify(body) }),
    },
  }
}
const wechat = (more) =>
  phone({
    event: (allow) =>
      allow ? { errMsg: 'getPhoneNumber:ok', code: 'phone' } : { errMsg: 'getPhoneNumber:fail user deny' },
    ...more,
  })
const alipay = (more) =>
  phone({
    event: (allow) =>
      allow ? { response: '{"response":"x"}' } : { type: 'error', detail: { errorMessage: '用户取消授权' } },
    ...more,
  })

async function open(t, name, { api }, options) {
  const page = await run(await folder(name), { api, config, ...options })
  t.after(() => page.close())
  assert.deepEqual(page.warnings, [])
  assert.deepEqual(page.errors, [])
  return page
}

test('WeChat: an allowed tap is one request, and its answer is on the page', async (t) => {
  const page = await open(t, 'wechat', wechat())
  await page.tap('[id$="--ask"]')
  assert.deepEqual(page.asked, [{ platform: 'wechat', openType: 'getPhoneNumber' }])
  assert.deepEqual(
    page.sent.map((each) => ({ ...each, body: JSON.parse(each.body) })),
    [
      {
        method: 'POST',
        path: '/v1/apps/shop/phone-number',
        headers: { 'content-type': 'application/json', authorization: 'Bearer key' },
        body: { login_code: 'login', authorization: { code: 'phone' } },
      },
    ],
  )
  assert.equal(page.read('[id$="--said"]'), 'getphonenumber 200 138****8888')
})

test('WeChat: a declined tap sends nothing', async (t) => {
  const page = await open(t, 'wechat', wechat(), { allow: false })
  await page.tap('[id$="--ask"]')
  assert.equal(page.read('[id$="--said"]'), 'getPhoneNumber:fail user deny')
  assert.deepEqual(page.sent, [])
})

test('WeChat: the realtime button has an event of its own', async (t) => {
  const page = await open(t, 'wechat', wechat())
  await page.tap('[id$="--realtime"]')
  assert.equal(page.read('[id$="--said"]'), 'getrealtimephonenumber 200 138****8888')
})

test('WeChat: two quick taps show one sheet', async (t) => {
  const played = wechat()
  const page = await open(t, 'wechat', played)
  page.find('[id$="--ask"]').click()
  await page.tap('[id$="--ask"]')
  assert.equal(page.asked.length, 1)
  assert.deepEqual(played.taps, [true])
})

test('a sheet that is taken away is neither allowed nor denied', async (t) => {
  const played = wechat()
  const page = await open(t, 'wechat', played, { allow: null })
  await page.tap('[id$="--ask"]')
  assert.deepEqual(played.taps, [])
  assert.equal(page.read('[id$="--said"]'), '')
  assert.deepEqual(page.errors, [])
})

test('WeChat: components, slots, scripts of templates, lists, events and input', async (t) => {
  const page = await open(t, 'wechat', wechat())
  assert.equal(page.read('.title'), 'SHOP')
  assert.equal(page.read('.parts-card-card--box'), 'price: attached, ready')
  assert.equal(page.find('card [id$="--inner"]').textContent, 'nothing')
  await page.tap('.parts-card-card--box')
  assert.equal(page.read('[id$="--inner"]'), 'pick 7 true')
  page.mounted.root.querySelectorAll('.item')[1].click()
  await page.settled()
  assert.equal(page.read('[id$="--said"]'), 'item 2')
  const input = page.find('input')
  input.value = '138'
  input.dispatchEvent(new page.window.Event('input', { bubbles: true }))
  await page.settled()
  assert.equal(page.read('[id$="--typed-back"]'), '138')
})

test('WeChat: pages open, with a query and a title, and go back', async (t) => {
  const page = await open(t, 'wechat', wechat())
  assert.equal(page.window.document.title, 'Shop')
  await page.tap('[id$="--next"]')
  assert.equal(page.window.document.title, 'Second')
  assert.equal(page.read('[id$="--from"]'), 'home')
  await page.tap('[id$="--back"]')
  assert.equal(page.window.document.title, 'Shop')
  assert.equal(page.find('[id$="--from"]'), null)
})

test('WeChat: a page begins after what is inside it, also as a component', async (t) => {
  const inside = {
    'app.json': '{"pages": ["a"]}',
    'a.json': '{"usingComponents": {"b": "b"}}',
    'a.wxml': '<view id="said">{{said}}</view><b />',
    'b.json': '{"component": true}',
    'b.wxml': '',
    'b.js': "Component({ lifetimes: { attached() { getApp().order.push('inside') } } })",
    'app.js': 'App({ order: [] })',
  }
  const load = "onLoad() { this.setData({ said: [...getApp().order, 'onLoad'].join() }) }"
  const pages = {
    inside: `Page({ ${load} })`,
    'inside,attached': `Component({ lifetimes: { attached() { getApp().order.push('attached') } }, methods: { ${load} } })`,
  }
  for (const [before, script] of Object.entries(pages)) {
    const page = await run({ ...inside, 'a.js': script }, { api: wechat().api })
    t.after(page.close)
    const said = page.read('[id$="said"]').split(',')
    assert.deepEqual([said.slice(0, -1).sort(), said.at(-1)], [before.split(',').sort(), 'onLoad'])
    page.mounted.destroy()
  }
})

test('Alipay: an allowed tap sends the raw response, and the answer is on the page', async (t) => {
  const page = await open(t, 'alipay', alipay())
  await page.tap('[id$="--ask"]')
  assert.deepEqual(page.asked, [{ platform: 'alipay', openType: 'getAuthorize' }])
  assert.deepEqual(JSON.parse(page.sent[0].body), {
    login_code: 'login',
    authorization: { response: '{"response":"x"}' },
  })
  assert.equal(page.read('[id$="--said"]'), '200 138****8888')
})

test('Alipay: a declined tap is an error event', async (t) => {
  const page = await open(t, 'alipay', alipay(), { allow: false })
  await page.tap('[id$="--ask"]')
  assert.equal(page.read('[id$="--said"]'), '用户取消授权')
  assert.deepEqual(page.sent, [])
})

test('Alipay: a refused request ends in fail, with the refusal', async (t) => {
  const page = await open(t, 'alipay', alipay({ status: 409, body: { code: 'already-used' } }))
  await page.tap('[id$="--ask"]')
  assert.equal(page.read('[id$="--said"]'), '19 already-used')
})

test('Alipay: components hear of properties, call functions that answer, and have slots with content', async (t) => {
  const page = await open(t, 'alipay', alipay())
  const [first, second] = page.mounted.root.querySelectorAll('.box')
  assert.equal(first.textContent.trim(), 'price: mounted price')
  const [card, empty] = page.mounted.root.querySelectorAll('card')
  assert.equal(card.querySelector('.standard'), null)
  assert.equal(empty.querySelector('.standard').textContent, 'standard')
  first.click()
  await page.settled()
  assert.match(first.textContent, /200 \{"a":1\}$/)
  assert.equal(page.read('[id$="--inner"]'), 'picked 9')
  second.click()
  await page.settled()
  assert.match(second.textContent, /nobody listens$/)
  await page.tap('[id$="--relabel"]')
  assert.match(first.textContent, /^weight: price became weight/)
})

test('what the platform lacks is undefined, and canIUse says so', async (t) => {
  const content = {
    ...SMALL,
    'a.js': `Page({ data: { said: '' }, onLoad() { this.setData({ said: [
    wx.canIUse('button.open-type.getPhoneNumber'), wx.canIUse('button.open-type.share'), wx.canIUse('getPrivacySetting'),
    wx.canIUse('chooseImage'), typeof wx.chooseImage, wx.getSystemInfoSync().SDKVersion ].join(' ') }) } })`,
  }
  const page = await run(content, { api: wechat().api, system: { SDKVersion: '2.1.0' } })
  t.after(() => page.close())
  assert.equal(page.read('[id$="--said"]'), 'true false true false undefined 2.1.0')
})

test("a request that fails has the platform's words", async (t) => {
  const content = {
    ...SMALL,
    'a.js': `Page({ data: { said: '' }, async onLoad() {
    const tried = (asked) => new Promise((resolve) => wx.request({ ...asked, success: resolve, fail: ({ errMsg }) => resolve(errMsg) }))
    const said = [await tried({ url: 'nowhere' }), await tried({ url: 'https://a.example/v1', timeout: 5 }),
      await tried({ url: 'https://a.example/v1', method: 'POST', data: 'x'.repeat(200000) })]
    this.setData({ said: said.join('; ') }) } })`,
  }
  const api = { ...wechat().api, send: () => new Promise(() => {}) }
  const page = await run(content, { api })
  t.after(() => page.close())
  assert.equal(
    page.read('[id$="--said"]'),
    'request:fail not an address: nowhere; request:fail timeout; request:fail more than 131072 characters',
  )
})

test('what a page throws reaches the host, and the page goes on', async (t) => {
  const content = await folder('wechat')
  content['pages/home/home.js'] = content['pages/home/home.js'].replace(
    'onNext() {',
    "onNext() { throw new Error('mine');",
  )
  const page = await run(content, { api: wechat().api, config })
  t.after(() => page.close())
  await page.tap('[id$="--next"]')
  assert.deepEqual(
    page.errors.map((error) => error.message),
    ['mine'],
  )
  await page.tap('[id$="--ask"]')
  assert.equal(page.read('[id$="--said"]'), 'getphonenumber 200 138****8888')
})

test('a folder without pages, or of no known platform, is refused', async () => {
  await assert.rejects(compile({ 'app.json': '{}', 'a.wxml': '' }), /app.json has no pages/)
  await assert.rejects(compile({ 'app.json': '{', 'a.wxml': '' }), /app.json/)
  await assert.rejects(compile({ 'app.json': '{"pages": ["a"]}' }), /neither .wxml nor .axml/)
})
