// The fields of the fallback, without a screen.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { PhoneEntry } from 'haoma-core/sms'

import { asked, bodies, leave, press, stage } from './platforms.mjs'

const SENT = { status: 200, body: { ticket: 't', session: 's', expires_in: 300, resend_after: 60 } }
const settle = async () => {
  for (let i = 0; i < 40; i++) await null
}

beforeEach((context) => context.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_800_000_000_000 }))
afterEach(leave)

function fields(options) {
  const told = []
  const states = []
  const entry = new PhoneEntry({
    app: 'shop', server: 'https://phone.example.com',
    onState: (state) => states.push(state),
    onSuccess: (success) => told.push(success),
    onFail: (failure) => told.push(failure),
    onTyped: (typed) => told.push(typed),
    ...options,
  })
  return { entry, told, states }
}

test('without text messages the number is what was typed, once it can be one', async () => {
  stage('wechat')
  const { entry, told } = fields({ lang: 'en' })
  const { sms, number, use } = entry.state
  assert.deepEqual([sms, number, use], [false, 'Phone number', 'Use this number'])
  for (const [typed, good] of [
    ['', false], ['1380013', false], ['13800138000', true], ['138 0013-8000', true], ['138001380001', false], ['51234567', true],
    ['+85251234567', true], ['+86 138 0013 8000', true], ['number', false], ['12345', false],
  ]) {
    entry.typeNumber({ detail: { value: typed } })
    assert.deepEqual([entry.state.canUse, entry.state.canSend], [good, false], typed)
  }
  await entry.use()
  assert.deepEqual(told, [])
  entry.typeNumber('138 0013 8000')
  await entry.use()
  assert.deepEqual(told, [{ phoneNumber: '13800138000' }])
})

test('a code is sent, waits, and is entered', async (context) => {
  const host = stage('wechat')
  host.replies.push(SENT)
  const { entry, told } = fields({ sms: true, policy: '2026-01', publishableKey: 'k' })
  entry.typeNumber('13800138000')
  assert.deepEqual([entry.state.canSend, entry.state.canUse, entry.state.sent], [true, false, false])
  const sending = entry.send()
  assert.deepEqual([entry.state.busy, entry.state.canSend], [true, false])
  entry.send()
  await sending
  assert.deepEqual([entry.state.sent, entry.state.canSend, entry.state.send, entry.state.failed], [true, false, '60 秒后重发', false])
  assert.equal(entry.state.text, '验证码已发送，请查看短信')
  context.mock.timers.tick(59_000)
  assert.equal(entry.state.send, '1 秒后重发')
  context.mock.timers.tick(2_000)
  assert.deepEqual([entry.state.send, entry.state.canSend], ['重新获取', true])
  entry.typeCode('12')
  assert.equal(entry.state.canUse, false)
  entry.typeCode('123 456')
  assert.equal(entry.state.canUse, true)
  await entry.use()
  assert.deepEqual(told, [{ ok: true, platform: 'wechat', answer: { masked: '138****5544' } }])
  assert.deepEqual(bodies(host), [
    { phone_number: '13800138000', login_code: 'login-1' },
    { ticket: 't', session: 's', sms_code: '123456', consent: { policy: '2026-01' } },
  ])
  assert.deepEqual(host.said.filter(([name]) => name === 'request').map(([, , each]) => each.url), [
    'https://phone.example.com/v1/apps/shop/sms/send', 'https://phone.example.com/v1/apps/shop/sms/check',
  ])
})

test('another number needs another code', async () => {
  const host = stage('wechat')
  host.replies.push(SENT)
  const { entry } = fields({ sms: true })
  entry.typeNumber('13800138000')
  await entry.send()
  entry.typeCode('123456')
  assert.equal(entry.state.canUse, true)
  entry.typeNumber('13800138001')
  assert.deepEqual([entry.state.sent, entry.state.canUse, entry.state.canSend, entry.state.text], [false, false, true, ''])
})

test('a refusal is told in the words of the service, and the wait that it asks for is kept', async () => {
  const host = stage('wechat')
  host.replies.push({ status: 429, body: { code: 'too-many', title: '请求太频繁', next: 'retry-later', retry: true }, headers: { 'retry-after': '30' } })
  const { entry, told } = fields({ sms: true })
  entry.typeNumber('13800138000')
  await entry.send()
  assert.deepEqual([entry.state.text, entry.state.failed, entry.state.send, entry.state.sent], ['请求太频繁', true, '30 秒后重发', false])
  assert.deepEqual([told.length, told[0].reason, told[0].code], [1, 'server', 'too-many'])
})

test('the login is that of the button, which gets another', async (context) => {
  const host = stage('baidu')
  const { button } = press()
  await button.start()
  host.replies.push(SENT)
  const { entry } = fields({ sms: true })
  entry.typeNumber('13800138000')
  await entry.send()
  assert.deepEqual([asked(host), bodies(host)[0].login_code, button.state.ready], [['login', 'request'], 'login-1', false])
  context.mock.timers.tick(5_000)
  await settle()
  assert.deepEqual([asked(host), button.state.ready], [['login', 'request', 'login'], true])
  button.stop()
})

test('a web page has no login, so the number can only be typed', () => {
  assert.equal(fields({ sms: true }).entry.state.sms, false)
})

test('a component that is gone is told nothing more', async (context) => {
  const host = stage('wechat')
  host.replies.push(SENT)
  const { entry, states } = fields({ sms: true })
  entry.typeNumber('13800138000')
  const sending = entry.send()
  entry.stop()
  const before = states.length
  await sending
  context.mock.timers.tick(5_000)
  assert.equal(states.length, before)
})

test('a function of the page gets the route', async () => {
  stage('wechat')
  const routes = []
  const { entry } = fields({ sms: true, post: async (body, route) => (routes.push([route, body.phone_number]), SENT) })
  entry.typeNumber('13800138000')
  await entry.send()
  assert.deepEqual(routes, [['sms/send', '13800138000']])
  entry.set({ lang: 'en' })
  assert.equal(entry.state.use, 'Use this number')
})
