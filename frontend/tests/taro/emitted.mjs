// The example pages as Taro's toolchain emits them. They run in a Node VM, where the platform is ours and only the
// attributes that the emitted template binds can fire.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { KEY, SERVER } from '../e2e/world.mjs'
import { builds, folder, sample } from './build.mjs'
import { MiniProgram, plain } from './mini.mjs'
import { platforms, response } from './platforms.mjs'

const accepted = () => ({ status: 200, body: { masked: '138****0000', phone_number: '+8613800000000' } })
const minis = builds.filter(({ target }) => target !== 'h5')
const apps = { weapp: 'shop-wechat', alipay: 'shop', swan: 'shop-baidu', tt: 'shop-douyin', qq: 'shop-qq', jd: 'shop-jd' }

/** Opens the page of a build and waits until it has logged in. */
async function open({ framework, target }, { answer = accepted, host = {}, place } = {}) {
  const asked = []
  const getPhoneNumber = (args) => {
    asked.push(plain(args))
    setTimeout(() => args.success({ response }))
  }
  const own = target === 'alipay' ? { getPhoneNumber, ...host } : host
  const page = new MiniProgram(folder(framework, target), target, answer, own, place)
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
      const answer = () => {
        loginsWhenSent = page.logins.length
        return accepted()
      }
      const page = await open(each, { answer })
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
      assert.ok(page.has('haoma-phone-number'))
      assert.equal(page.button.disabled, false)
      assert.doesNotMatch(page.text, /denied/)
    })

    test('tapped twice: one body is posted', async () => {
      let answer
      const page = await open(each, { answer: () => new Promise((resolve) => (answer = resolve)) })
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

const member = { place: 'pages/member/index' }
const join = { event: 'change', detail: { value: true } }

for (const framework of ['react', 'vue3']) {
  const wechat = { framework, target: 'weapp' }
  const alipay = { framework, target: 'alipay' }

  describe(`${framework}, every property`, () => {
    test('a back end of your own, realtime, in English, disabled until the user joins', async () => {
      const page = await open(wechat, member)
      assert.equal(page.button['open-type'], 'getRealtimePhoneNumber|agreePrivacyAuthorization')
      assert.equal(page.button.disabled, true)
      assert.match(page.text, /Continue with phone number/)
      await page.fire('join', { ...join, attribute: 'bindchange' })
      assert.equal(page.button.disabled, false)
      const realtime = { event: 'getrealtimephonenumber', attribute: 'bindgetrealtimephonenumber' }
      await page.fire('haoma-phone-button', { ...realtime, detail: { errMsg: 'getRealtimePhoneNumber:fail user deny' } })
      assert.deepEqual(page.said, [['The number was not shared. You can tap again']])
      assert.match(page.text, /Ask at the counter/)
      await page.fire('haoma-phone-button', { ...realtime, detail: { code: 'REALTIME' } })
      const [{ url, body }] = page.requests
      assert.equal(url, 'https://shop.example.com/member')
      assert.deepEqual(body, { login_code: 'LOGIN-1', authorization: { code: 'REALTIME' }, consent: { scene: 'membership' } })
      assert.match(page.text, /138\*\*\*\*0000/)
    })

    test('Alipay, a template app of a third party', async () => {
      const page = await open(alipay, member)
      await page.fire('join', { ...join, attribute: 'onChange' })
      await page.tap('allow')
      assert.deepEqual(page.asked[0].protocols, { isvAppId: '2021000000000000' })
      assert.deepEqual(page.requests[0].body.authorization, { response })
      assert.match(page.text, /138\*\*\*\*0000/)
    })

    test('no login: a plain button tries again', async () => {
      let online = false
      const login = ({ success, fail }) => setTimeout(() => (online ? success({ code: 'LATE' }) : fail({ errMsg: 'login:fail' })))
      const page = await open(wechat, { host: { login } })
      assert.ok(!page.button['open-type'])
      assert.match(page.text, /网络不通，请稍后重试/)
      assert.match(page.text, /重试/)
      assert.ok(page.has('haoma-phone-number'))
      online = true
      await page.fire('haoma-phone-button', { event: 'tap', attribute: 'bindtap' })
      assert.equal(page.button['open-type'], 'getPhoneNumber')
      await page.tap('allow')
      assert.equal(page.requests[0].body.login_code, 'LATE')
    })

    test('an old base library: no button, and the other way alone', async () => {
      const page = await open(wechat, { host: { getAppBaseInfo: () => ({ SDKVersion: '2.20.0' }) } })
      assert.equal(page.button, undefined)
      assert.deepEqual(page.logins, [])
      assert.match(page.text, /当前版本不能获取手机号/)
      assert.ok(page.has('haoma-phone-number'))
    })

    test('Alipay refuses in place of a number: nothing is posted', async () => {
      const refused = '{"response":{"code":"40003","msg":"Insufficient Permissions","subCode":"isv.invalid-auth-relations"}}'
      const page = await open(alipay, { host: { getPhoneNumber: ({ success }) => success({ response: refused }) } })
      await page.tap('allow')
      assert.deepEqual(page.requests, [])
      assert.match(page.text, /没有获得授权，可以再点一次/)
    })

    test('the service refuses: its words are shown', async () => {
      const body = { title: '授权已经用过了，请重新点击', status: 409, code: 'already-used', next: 'ask-again' }
      const page = await open(alipay, { answer: () => ({ status: 409, body }) })
      await page.tap('allow')
      assert.match(page.text, /授权已经用过了，请重新点击/)
      assert.doesNotMatch(page.text, /already-used|server/)
      assert.deepEqual(page.logins, ['LOGIN-1', 'LOGIN-2'])
    })
  })
}

describe('the fields of the fallback', () => {
  for (const [framework, target] of [['react', 'weapp'], ['react', 'alipay'], ['vue3', 'weapp'], ['vue3', 'alipay']]) {
    const [input, tap] = target === 'alipay' ? ['onInput', 'onTap'] : ['bindinput', 'bindtap']
    const type = (page, name, value) => page.fire(name, { event: 'input', attribute: input, detail: { value } })
    const press = (page, name) => page.fire(name, { event: 'tap', attribute: tap, detail: {} })

    test(`a number is typed, ${framework}, ${target}`, async () => {
      const page = await open({ framework, target })
      await page.tap('deny')
      await type(page, 'haoma-phone-number', '1380013800')
      await press(page, 'haoma-phone-use') // it is disabled
      assert.doesNotMatch(page.text, /1380013800/)
      await type(page, 'haoma-phone-number', '13800138000')
      await press(page, 'haoma-phone-use')
      assert.match(page.text, /13800138000/)
      assert.deepEqual(page.requests, [])
    })

    test(`a code is sent and entered, ${framework}, ${target}`, async () => {
      const sent = { ticket: 'T', session: 'S', expires_in: 300, resend_after: 60 }
      const page = await open({ framework, target }, {
        place: 'pages/sms/index',
        answer: ({ url }) => ({ status: 200, body: url.endsWith('send') ? sent : { masked: '138****8000' } }),
      })
      await page.tap('deny')
      assert.equal(page.has('haoma-phone-use'), false)
      await type(page, 'haoma-phone-number', '13800138000')
      await press(page, 'haoma-phone-send')
      assert.match(page.text, /秒后重发/)
      await type(page, 'haoma-phone-code', '123456')
      await press(page, 'haoma-phone-use')
      assert.deepEqual(page.requests.map(({ url, body }) => [url.replace(/.*apps\//, ''), body]), [
        [`${apps[target]}/sms/send`, { phone_number: '13800138000', login_code: 'LOGIN-1' }],
        [`${apps[target]}/sms/check`, { ticket: 'T', session: 'S', sms_code: '123456', consent: { policy: '2026-01', scene: 'sms' } }],
      ])
      assert.match(page.text, /138\*\*\*\*8000/)
      page.close()
    })
  }
})

describe('what the documentation shows', () => {
  for (const [framework, target] of [['react', 'weapp'], ['react', 'alipay'], ['vue3', 'weapp'], ['vue3', 'alipay']]) {
    test(`the component, ${framework}, ${target}`, async () => {
      const page = await open({ framework, target }, { place: 'pages/docs/index' })
      await page.tap('deny')
      assert.match(page.text, /用这个号码/)
      await page.tap('allow')
      assert.equal(page.requests[0].url, `${SERVER}/v1/apps/${apps[target]}/phone-number`)
      assert.match(page.text, /138\*\*\*\*0000/)
    })
  }

  for (const target of ['weapp', 'alipay', 'tt']) {
    test(`the button by hand, ${target}`, async () => {
      const page = await open({ framework: 'react', target }, { place: 'pages/hand/index' })
      assert.deepEqual(page.logins, ['LOGIN-1'])
      await page.tap('deny', 'button')
      assert.deepEqual(page.requests, [])
      await page.tap('allow', 'button')
      const [{ url, body }] = page.requests
      assert.equal(url, `${SERVER}/phone-number`)
      assert.deepEqual(body, { login_code: 'LOGIN-1', authorization: platforms[target].sent })
      assert.deepEqual(page.logins, ['LOGIN-1', 'LOGIN-2'])
    })
  }

  test('both languages show the same code', () => {
    for (const language of ['jsx', 'vue']) {
      assert.equal(sample('docs/front-end.zh-CN.md', '## Taro', language), sample('docs/front-end.md', '## Taro', language))
    }
    assert.equal(sample('docs/guide.zh-CN.md', '<b>Taro（React）</b>', 'jsx'), sample('docs/guide.md', '<b>Taro (React)</b>', 'jsx'))
  })
})

function pick(from, names) {
  return Object.fromEntries(names.map((name) => [name, from[name]]))
}
