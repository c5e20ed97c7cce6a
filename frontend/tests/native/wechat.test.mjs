import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { open, PACKAGE } from './simulate.mjs'

const opened = []
const page = async (...given) => {
  const made = open(...given)
  opened.push(made)
  await made.settle()
  return made
}
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
})

const granted = { errMsg: 'getPhoneNumber:ok', code: 'phone-code', encryptedData: 'ED', iv: 'IV' }
const tap = async (page, detail, event = 'getphonenumber') => {
  page.one('button').dispatchEvent(event, { detail })
  await page.settle()
}

describe('the WeChat component', () => {
  test('logs in when it appears; the button can be tapped only after that', async () => {
    let answer
    const here = await page('', { wx: { login: ({ success }) => (answer = success) } })
    assert.equal(here.data().state.ready, false)
    answer({ code: 'L' })
    await here.settle()
    assert.equal(here.data().state.ready, true)
    assert.equal(here.data().state.openType, 'getPhoneNumber')
    assert.ok(here.text().includes('手机号码一键登录'))
  })

  test('shows the text of the consent and the version of the policy before the tap, and sends what was shown', async () => {
    const here = await page('consent="我们用手机号通知你取货。" policy="2026-01" scene="checkout" publishable-key="hk_publishable_x"')
    assert.equal(here.one('consent').dom.textContent, '我们用手机号通知你取货。 (2026-01)')
    await tap(here, granted)
    const [{ url, body, header }] = here.said.requests
    assert.equal(url, 'https://phone.example.com/v1/apps/shop/phone-number')
    assert.equal(header.authorization, 'Bearer hk_publishable_x')
    assert.deepEqual(body, {
      login_code: 'login-1',
      authorization: { code: 'phone-code', encryptedData: 'ED', iv: 'IV' },
      consent: { policy: '2026-01', scene: 'checkout' },
    })
    assert.deepEqual(here.said.events, [['success', { ok: true, platform: 'wechat', answer: { masked: '138****5544' } }]])
    assert.equal(here.said.logins, 2)
  })

  test('declined: `fail`, no request, a sentence, and the fallback', async () => {
    const here = await page('', { inside: '<view slot="fallback">手动填写</view>' })
    assert.ok(!here.text().includes('手动填写') && !here.one('entry'))
    await tap(here, { errMsg: 'getPhoneNumber:fail user deny' })
    const [[name, failure]] = here.said.events
    assert.deepEqual([name, failure.reason, failure.next, failure.fallback], ['fail', 'denied', 'ask-again', true])
    assert.deepEqual([here.said.requests.length, here.said.logins], [0, 1])
    assert.equal(here.one('text').dom.textContent, '没有获得授权，可以再点一次')
    assert.ok(here.text().includes('手动填写'))
    assert.ok(here.one('button'), 'the button is still there')
  })

  test('the quota is used up', async () => {
    const here = await page('lang="en"')
    await tap(here, { errMsg: 'getPhoneNumber:fail', errno: 1400001 })
    assert.deepEqual([here.said.events[0][1].reason, here.said.events[0][1].errno], ['quota', 1400001])
    assert.equal(here.one('text').dom.textContent, 'Not available now. Please use another way')
  })

  test('the realtime button has its own type and its own event', async () => {
    const here = await page('realtime="{{true}}"')
    assert.equal(here.data().state.openType, 'getRealtimePhoneNumber')
    await tap(here, granted, 'getrealtimephonenumber')
    assert.equal(here.said.events[0][0], 'success')
  })

  test('the button that agrees to the privacy guideline is there if it is asked for', async () => {
    assert.equal((await page()).data().state.openType, 'getPhoneNumber')
    const here = await page('agree-privacy="{{true}}"')
    assert.equal(here.data().state.openType, 'getPhoneNumber|agreePrivacyAuthorization')
    await tap(here, { errMsg: 'agreePrivacyAuthorization:ok' }, 'agreeprivacyauthorization')
    assert.deepEqual(here.said.events, [['agree', { errMsg: 'agreePrivacyAuthorization:ok' }]])
  })

  test('what may be sent again is sent again by a plain button, without asking the user', async () => {
    let busy = true
    const requests = []
    const here = await page('', {
      wx: {
        request: (asked) => {
          requests.push(asked.data)
          if (busy) asked.success({ statusCode: 429, data: { code: 'try-later', title: '系统繁忙', next: 'retry-later', retry: true }, header: { 'Retry-After': '6' } })
          else asked.success({ statusCode: 200, data: { masked: '1' }, header: {} })
        },
      },
    })
    await tap(here, granted)
    const { state } = here.data()
    assert.deepEqual([state.again, state.ready, state.openType, state.text], [true, false, '', '系统繁忙'])
    assert.equal(here.one('button').dom.textContent, '重试')
    busy = false
    here.one('button').dispatchEvent('tap')
    await here.settle()
    assert.deepEqual(here.said.events.map(([name]) => name), ['fail', 'success'])
    assert.equal(requests[1], requests[0])
    assert.equal(here.one('button').dom.textContent, '手机号码一键登录')
  })

  test('an old base library: no button, the fallback alone', async () => {
    const here = await page('consent="x"', {
      inside: '<view slot="fallback">手动填写</view>',
      wx: { getAppBaseInfo: () => ({ SDKVersion: '2.10.4' }) },
    })
    assert.equal(here.one('button'), undefined)
    assert.equal(here.one('consent'), undefined)
    assert.equal(here.said.logins, 0)
    assert.ok(here.text().includes('当前版本不能获取手机号'))
    assert.ok(here.text().includes('手动填写'))
  })

  test('a function of the page sends instead', async () => {
    const bodies = []
    const post = async (body) => (bodies.push(body), { status: 200, body: { mine: true } })
    const here = await page('post="{{post}}"', { data: { post } })
    await tap(here, granted)
    assert.equal(bodies[0].authorization.code, 'phone-code')
    assert.deepEqual([here.said.requests.length, here.said.events[0][1].answer], [0, { mine: true }])
  })

  test('the fields of the fallback are there where the page has no fallback of its own', async () => {
    const here = await page('lang="en"')
    await tap(here, { errMsg: 'getPhoneNumber:fail user deny' })
    const slot = () => here.one('entry').dom.previousElementSibling
    // `:empty` of the stylesheet decides which of the two is seen.
    assert.deepEqual([slot().className.endsWith('haoma-phone-slot'), slot().childNodes.length], [true, 0])
    here.one('number').dispatchEvent('input', { detail: { value: '+852 5123 4567' } })
    here.one('use').dispatchEvent('tap')
    await here.settle()
    assert.deepEqual(here.said.events.at(-1), ['typed', { phoneNumber: '+85251234567' }])
    const theirs = await page('', { inside: '<view slot="fallback">手动填写</view>' })
    await tap(theirs, { errMsg: 'getPhoneNumber:fail user deny' })
    assert.equal(theirs.one('entry').dom.previousElementSibling.textContent, '手动填写')
  })

  test('with `sms` a code is sent and entered, through a function of the page as well', async () => {
    const asked = []
    const post = async (body, route) => {
      asked.push([route, body])
      return { status: 200, body: route === 'sms/send' ? { ticket: 't', session: 's', expires_in: 300, resend_after: 60 } : { masked: '139****1111' } }
    }
    const here = await page('post="{{post}}" sms="{{true}}" policy="2026-01" scene="checkout"', { data: { post } })
    await tap(here, { errMsg: 'getPhoneNumber:fail user deny' })
    here.one('number').dispatchEvent('input', { detail: { value: '13900001111' } })
    assert.equal(here.one('use'), undefined)
    here.one('send').dispatchEvent('tap')
    await here.settle()
    assert.match(here.one('send').dom.textContent, /^(60|59) 秒后重发$/)
    assert.equal(here.one('note').dom.textContent, '验证码已发送，请查看短信')
    here.one('code').dispatchEvent('input', { detail: { value: '123456' } })
    here.one('use').dispatchEvent('tap')
    await here.settle()
    assert.deepEqual(asked, [
      ['sms/send', { phone_number: '13900001111', login_code: 'login-1' }],
      ['sms/check', { ticket: 't', session: 's', sms_code: '123456', consent: { policy: '2026-01', scene: 'checkout' } }],
    ])
    assert.deepEqual(here.said.events.at(-1), ['success', { ok: true, platform: 'wechat', answer: { masked: '139****1111' } }])
  })

  test('properties that change are taken', async () => {
    const here = await page('app="{{app}}" disabled="{{off}}"', { data: { app: 'one', off: false } })
    here.shown.setData({ app: 'two' })
    await here.settle()
    await tap(here, granted)
    assert.match(here.said.requests[0].url, /\/apps\/two\//)
  })

  test('a label and a style of the page take the place of ours', async () => {
    const ours = await page()
    const theirs = await page('', { inside: '<text class="mine">一键下单</text>' })
    // `:empty` of the stylesheet decides which of the two labels is seen.
    assert.equal(ours.one('slot').dom.childNodes.length, 0)
    assert.equal(theirs.one('slot').dom.textContent, '一键下单')
  })

  test('shown again after a long time, it renews the login; gone, it does nothing more', async () => {
    const here = await page()
    const now = Date.now
    try {
      Date.now = () => now() + 20 * 60_000
      here.it.triggerPageLifeTime('show')
      await here.settle()
      assert.equal(here.said.logins, 2)
      here.close()
      opened.length = 0
      Date.now = () => now() + 40 * 60_000
      here.it.triggerPageLifeTime('show')
      await here.settle()
      assert.equal(here.said.logins, 2)
    } finally {
      Date.now = now
    }
  })

  test('loading and disabled are the page\'s word too', async () => {
    const wxml = await readFile(`${PACKAGE}/haoma-phone-button/index.wxml`, 'utf8')
    const buttons = wxml.match(/<button[^>]*>/g)
    assert.equal(buttons.length, 4)
    for (const each of buttons.slice(0, 2)) {
      assert.ok(each.includes('disabled="{{disabled || loading || !state.ready}}"'))
      assert.match(each, /loading="\{\{loading( \|\| state\.busy)?\}\}"/)
    }
  })
})

describe('the names of the attributes', () => {
  // A name that is nearly right compiles, and its event never fires.
  test('WeChat', async () => {
    const wxml = await readFile(`${PACKAGE}/haoma-phone-button/index.wxml`, 'utf8')
    const bound = [...wxml.matchAll(/\b(bind\w+)="(\w+)"/g)].map(([, name, method]) => [name, method])
    assert.deepEqual(bound, [
      ['bindgetphonenumber', 'received'],
      ['bindgetrealtimephonenumber', 'received'],
      ['bindagreeprivacyauthorization', 'agreed'],
      ['bindtap', 'again'],
      ['bindinput', 'typeNumber'],
      ['bindtap', 'send'],
      ['bindinput', 'typeCode'],
      ['bindtap', 'use'],
    ])
  })

  test('Alipay', async () => {
    const axml = await readFile(new URL('../../native/es/haoma-phone-button/index.axml', import.meta.url), 'utf8')
    const bound = [...axml.matchAll(/\b(on\w+|open-type|scope)="([\w{}.]+)"/g)].map(([, name, value]) => [name, value])
    assert.deepEqual(bound, [
      ['open-type', 'getAuthorize'],
      ['scope', 'phoneNumber'],
      ['onGetAuthorize', 'received'],
      ['onError', 'declined'],
      ['onTap', 'again'],
      ['onInput', 'typeNumber'],
      ['onTap', 'send'],
      ['onInput', 'typeCode'],
      ['onTap', 'use'],
    ])
  })
})

describe("WeChat's own compiler of templates and styles", () => {
  const { wxmlToJs, wxssToJs } = createRequire(import.meta.url)('miniprogram-compiler')
  const folders = [PACKAGE, fileURLToPath(new URL('../../examples/native-wechat', import.meta.url))]
  let room
  before(async () => {
    room = await mkdtemp(path.join(os.tmpdir(), 'haoma-wcc-'))
  })
  after(() => rm(room, { recursive: true }))

  for (const folder of folders) {
    test(`takes ${path.basename(folder)}`, async () => {
      const copy = path.join(room, path.basename(folder))
      await cp(folder, copy, { recursive: true, filter: (each) => !each.includes('node_modules') })
      assert.match(wxmlToJs(copy), /getPhoneNumber|haoma-phone/)
      assert.match(wxssToJs(copy), /wxssMap/)
    })
  }

  test('refuses a template that is broken', async () => {
    const copy = path.join(room, 'broken')
    await cp(PACKAGE, copy, { recursive: true })
    const file = path.join(copy, 'haoma-phone-button/index.wxml')
    await writeFile(file, (await readFile(file, 'utf8')).replace('</button>', ''))
    assert.throws(() => wxmlToJs(copy), /index\.wxml/)
  })
})
