import assert from 'node:assert/strict'
import { build } from 'esbuild'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { detect } from 'haoma-core'
import { asked, bodies, leave, NAMES, press, stage } from './platforms.mjs'

const MINUTE = 60_000
const started = []

function pressed(options) {
  const made = press(options)
  started.push(made.button)
  return made
}

/** Lets everything that waits for nothing but its turn happen. */
const settle = async () => {
  for (let i = 0; i < 30; i++) await null
}

/** Moves the time, step by step, so that what happens on the way happens. */
const pass = async (context, ms) => {
  for (let left = ms; left > 0; left -= 500) {
    context.mock.timers.tick(Math.min(500, left))
    await settle()
  }
}

beforeEach((context) => context.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_800_000_000_000 }))
afterEach(() => {
  for (const button of started.splice(0)) button.stop()
  leave()
})

describe('the file', () => {
  test('is smaller than 6000 bytes, minified', async () => {
    const made = await build({
      entryPoints: [new URL('../../core/src/index.ts', import.meta.url).pathname],
      bundle: true, minify: true, write: false, format: 'esm', target: 'es2015', charset: 'utf8',
    })
    assert.ok(made.outputFiles[0].contents.length < 6000, `${made.outputFiles[0].contents.length} bytes`)
    assert.deepEqual(made.warnings, [])
  })
})

describe('the platform', () => {
  for (const [platform, name] of Object.entries(NAMES)) {
    test(`${platform} is known by ${name}`, () => {
      stage(platform)
      assert.equal(detect(), platform)
      assert.equal(pressed().button.platform, platform)
    })
  }

  test('a `wx` beside the own object of another platform changes nothing', () => {
    for (const platform of Object.keys(NAMES)) {
      const host = stage(platform)
      globalThis.wx = host
      assert.equal(detect(), platform)
    }
  })

  test('a page of the web is h5, also where its app has given it `wx` or `my`', async () => {
    globalThis.wx = { getLocation() {} }
    globalThis.my = { postMessage() {} }
    const { button } = pressed({ lang: 'en' })
    assert.equal(button.platform, 'h5')
    await button.start()
    assert.deepEqual(button.state, {
      supported: false, ready: false, busy: false, again: false, openType: '', scope: '', fallback: true,
      label: 'Continue with phone number', text: 'Not available in this version. Please use another way', reason: 'unsupported',
    })
  })

  test('what the build knows is not guessed', () => {
    stage('wechat')
    globalThis.my = { getAuthCode() {}, getPhoneNumber() {} }
    assert.equal(pressed({ platform: 'wechat' }).button.platform, 'wechat')
  })
})

describe('the login', () => {
  for (const platform of Object.keys(NAMES)) {
    test(`${platform}: comes before the button`, async () => {
      const host = stage(platform)
      const { button, states } = pressed()
      assert.equal(button.state.ready, false)
      assert.equal(states.length, 0)
      await button.start()
      assert.equal(button.state.ready, true)
      assert.deepEqual(asked(host), ['login'])
    })

    test(`${platform}: is sent with the answer, and a new one taken after it`, async (context) => {
      const host = stage(platform)
      const { button, told } = pressed()
      await button.start()
      for (const [tap, code] of [['1', 'login-1'], ['2', 'login-2']]) {
        const outcome = await button.received({ detail: { code: `phone-${tap}`, encryptedData: 'ED', iv: 'IV' } })
        assert.equal(outcome.ok, true)
        assert.equal(bodies(host).at(-1).login_code, code)
        await settle()
        assert.equal(button.state.ready, true)
        await pass(context, 1_500)
      }
      assert.equal(told.length, 2)
    })
  }

  test('is asked for as each platform wants it', async () => {
    for (const [platform, wanted] of [['alipay', ['scopes', 'auth_base']], ['douyin', ['force', true]]]) {
      const host = stage(platform)
      await pressed().button.start()
      assert.equal(host.said[0][1][wanted[0]], wanted[1])
    }
  })

  test('is never taken between the event and the answer', async (context) => {
    for (const platform of ['wechat', 'alipay']) {
      const host = stage(platform)
      const { button } = pressed()
      await button.start()
      host.replies.push('silence')
      const before = host.said.length
      button.received({ detail: { code: 'C' } })
      await pass(context, 9_500)
      assert.ok(!asked(host, before).includes('login'))
      button.stop()
    }
  })

  test('that ages between the tap and the answer waits for the answer', async (context) => {
    const host = stage('alipay', { getPhoneNumber() {} })
    const { button } = pressed({ timeout: 60_000 })
    await button.start()
    await pass(context, 3.9 * MINUTE)
    button.received()
    await pass(context, 0.5 * MINUTE)
    assert.deepEqual(asked(host), ['login'])
  })

  test('that ages while a request may be sent again waits for that too', async (context) => {
    const host = stage('wechat')
    host.replies.push({ status: 429, body: { code: 'try-later', next: 'retry-later', retry: true }, headers: { 'retry-after': '30' } })
    const { button } = pressed()
    await button.start()
    await pass(context, 3 * MINUTE)
    await button.received({ code: 'C' })
    await pass(context, 3 * MINUTE)
    assert.deepEqual(asked(host), ['login', 'request'])
    assert.equal(button.state.again, true)
    await pass(context, 1.5 * MINUTE)
    assert.deepEqual(asked(host), ['login', 'request', 'login'])
  })

  test('that was on its way when the user tapped is not lost', async (context) => {
    const late = []
    let logins = 0
    const host = stage('wechat', { login: ({ success }) => late.push(() => success({ code: `login-${++logins}` })) })
    const { button } = pressed()
    const begun = button.start()
    late.shift()()
    await begun
    await pass(context, 4.1 * MINUTE)
    const ended = button.received({ code: 'C' })
    late.shift()()
    await ended
    await settle()
    assert.equal(bodies(host)[0].login_code, 'login-1')
    assert.deepEqual([late.length, button.state.ready], [0, true])
    await pass(context, 1_500)
    await button.received({ code: 'D' })
    assert.equal(bodies(host)[1].login_code, 'login-2')
  })

  test('that cannot be renewed is good until it dies, and nothing is said before', async (context) => {
    const host = stage('wechat')
    const { button, states } = pressed()
    await button.start()
    host.offline = true
    const from = states.length
    await pass(context, 4.7 * MINUTE)
    assert.ok(asked(host).length > 1)
    assert.ok(states.slice(from).every((state) => state.ready && !state.text && !state.again && !state.fallback))
    await pass(context, 0.3 * MINUTE)
    assert.deepEqual([button.state.again, button.state.reason, button.state.fallback], [true, 'network', true])
  })

  test('of a button that is started twice is taken once, and one stop ends it', async (context) => {
    const host = stage('wechat', { offline: true })
    const { button } = pressed()
    const running = new Set()
    const { setInterval: set, clearInterval: clear } = globalThis
    context.mock.method(globalThis, 'setInterval', (...given) => {
      const timer = set(...given)
      running.add(timer)
      return timer
    })
    context.mock.method(globalThis, 'clearInterval', (timer) => (running.delete(timer), clear(timer)))
    await Promise.all([button.start(), button.start()])
    assert.deepEqual(asked(host), ['login'])
    button.stop()
    assert.equal(running.size, 0)
    await pass(context, MINUTE)
    assert.deepEqual(asked(host), ['login'])
  })

  test('is renewed before it ages, and the button stays ready', async (context) => {
    const host = stage('wechat')
    const { button, states } = pressed()
    await button.start()
    await pass(context, 3.9 * MINUTE)
    assert.deepEqual(asked(host), ['login'])
    await pass(context, 0.3 * MINUTE)
    assert.deepEqual(asked(host), ['login', 'login'])
    assert.ok(states.every((state) => state.ready))
    await button.received({ detail: { code: 'C' } })
    assert.equal(bodies(host)[0].login_code, 'login-2')
  })

  test('that aged while the program slept is renewed when the page is shown; the button waits for it', async (context) => {
    const host = stage('wechat')
    const { button } = pressed()
    await button.start()
    context.mock.timers.setTime(1_800_000_000_000 + 20 * MINUTE)
    button.shown()
    assert.equal(button.state.ready, false)
    await settle()
    assert.equal(button.state.ready, true)
    assert.deepEqual(asked(host), ['login', 'login'])
    button.shown()
    await settle()
    assert.equal(asked(host).length, 2)
  })

  test('is not taken by a button that is gone', async (context) => {
    const host = stage('wechat')
    const { button } = pressed()
    await button.start()
    button.stop()
    await pass(context, 30 * MINUTE)
    button.shown()
    await settle()
    assert.deepEqual(asked(host), ['login'])
  })

  test('that fails is tried again by itself, and by the user at once', async (context) => {
    const host = stage('wechat', { offline: true })
    const { button } = pressed()
    await button.start()
    assert.deepEqual(
      [button.state.again, button.state.ready, button.state.openType, button.state.label, button.state.reason, button.state.fallback],
      [true, true, '', '重试', 'network', true],
    )
    await pass(context, 5_000)
    assert.deepEqual(asked(host), ['login', 'login'])
    host.offline = false
    await button.again()
    assert.deepEqual(asked(host), ['login', 'login', 'login'])
    assert.deepEqual([button.state.again, button.state.ready, button.state.text, button.state.fallback], [false, true, '', false])
  })

  test('that never calls back ends, and is tried again', async (context) => {
    let calls = 0
    stage('wechat', { login: () => calls++ })
    const { button } = pressed()
    const begun = button.start()
    await pass(context, 10_000)
    await begun
    assert.equal(button.state.reason, 'network')
    await pass(context, 5_000)
    assert.equal(calls, 2)
  })

  test('of an old Baidu is `login`', async () => {
    const host = stage('baidu')
    host.login = host.getLoginCode
    delete host.getLoginCode
    const { button } = pressed()
    await button.start()
    assert.equal(button.state.ready, true)
  })
})

describe('two buttons', () => {
  for (const platform of Object.keys(NAMES)) {
    test(`${platform}: share one login, and one more after an answer`, async (context) => {
      const host = stage(platform)
      const [one, two] = [pressed(), pressed({ app: 'other' })]
      await Promise.all([one.button.start(), two.button.start()])
      assert.deepEqual(asked(host), ['login'])
      assert.deepEqual([one.button.state.ready, two.button.state.ready], [true, true])
      const detail = { code: 'C', encryptedData: 'ED', iv: 'IV' }
      await one.button.received({ detail })
      await settle()
      assert.deepEqual(asked(host).filter((name) => name === 'login'), ['login', 'login'])
      assert.deepEqual([one.button.state.ready, two.button.state.ready], [true, true])
      await two.button.received({ detail })
      assert.deepEqual(bodies(host).map((body) => body.login_code), ['login-1', 'login-2'])
      await pass(context, 9 * MINUTE)
      assert.equal(asked(host).filter((name) => name === 'login').length, 5) // two answers and two renewals
    })
  }

  test('never use a login twice: the other one waits for the answer', async (context) => {
    const host = stage('wechat')
    host.replies.push({ status: 503, body: { code: 'try-later', next: 'retry-later', retry: true }, headers: { 'retry-after': '3' } })
    const [one, two] = [pressed(), pressed()]
    await Promise.all([one.button.start(), two.button.start()])
    const ended = one.button.received({ code: 'C' })
    assert.deepEqual([two.button.state.ready, two.button.state.busy], [false, false])
    await pass(context, 2_500)
    two.button.shown()
    assert.deepEqual([asked(host), two.button.state.ready], [['login', 'request'], false])
    await pass(context, 1_000)
    await ended
    await settle()
    assert.deepEqual([asked(host), two.button.state.ready], [['login', 'request', 'request', 'login'], true])
  })

  test('a request that may be sent again keeps its login, and the other button gets a new one', async (context) => {
    const host = stage('wechat')
    host.replies.push({ status: 429, body: { code: 'try-later', next: 'retry-later', retry: true }, headers: { 'retry-after': '20' } })
    const [one, two] = [pressed(), pressed()]
    await Promise.all([one.button.start(), two.button.start()])
    await one.button.received({ code: 'C' })
    await pass(context, 5_500)
    assert.deepEqual([one.button.state.again, two.button.state.again, two.button.state.ready], [true, false, true])
    await two.button.received({ code: 'D' })
    await pass(context, 20_000)
    await one.button.again()
    assert.deepEqual(bodies(host).map((body) => [body.login_code, body.authorization.code]), [['login-1', 'C'], ['login-2', 'D'], ['login-1', 'C']])
  })

  test('both say that there is no login, and one try helps both', async () => {
    const host = stage('wechat', { offline: true })
    const [one, two] = [pressed(), pressed({ lang: 'en' })]
    await Promise.all([one.button.start(), two.button.start()])
    assert.deepEqual([one.button.state.text, two.button.state.text], ['网络不通，请稍后重试', 'No connection. Please try again'])
    host.offline = false
    await two.button.again()
    assert.deepEqual([one.button.state.ready, one.button.state.text, two.button.state.ready], [true, '', true])
    assert.deepEqual(asked(host), ['login', 'login'])
  })

  test('a page that opens over another has its login at once, and leaves it when it closes', async () => {
    const host = stage('wechat')
    const [one, two] = [pressed(), pressed()]
    await one.button.start()
    await two.button.start()
    assert.equal(two.button.state.ready, true)
    two.button.stop()
    await one.button.received({ code: 'C' })
    assert.deepEqual([asked(host), bodies(host)[0].login_code], [['login', 'request', 'login'], 'login-1'])
  })
})

describe('the request', () => {
  test('has the one body, the key, and asks for the words of the language', async () => {
    const host = stage('wechat')
    const { button } = pressed({ publishableKey: 'hk_publishable_x', policy: '2026-01', scene: 'checkout', lang: 'en', timeout: 7000 })
    await button.start()
    await button.received({ detail: { code: 'C', encryptedData: 'ED', iv: 'IV', errMsg: 'getPhoneNumber:ok', cloudID: 'x' } })
    const [, body, request] = host.said.find(([name]) => name === 'request')
    assert.deepEqual(body, {
      login_code: 'login-1',
      authorization: { code: 'C', encryptedData: 'ED', iv: 'IV' },
      consent: { policy: '2026-01', scene: 'checkout' },
    })
    assert.equal(request.url, 'https://phone.example.com/v1/apps/shop/phone-number')
    assert.equal(request.method, 'POST')
    assert.equal(request.timeout, 7000)
    assert.deepEqual(request.header, {
      'content-type': 'application/json', 'accept-language': 'en', authorization: 'Bearer hk_publishable_x',
    })
  })

  test('has no consent and no login where there is none', async () => {
    const host = stage('wechat')
    const { button } = pressed()
    await button.received({ detail: { code: 'C' } })
    assert.deepEqual(bodies(host), [{ authorization: { code: 'C' } }])
  })

  test('of Alipay has the raw string, byte for byte, and names the third-party application', async () => {
    const host = stage('alipay')
    host.response = '{"response":"c2Vh\\/bGVk+" , "sign":"c2lnbg==","sign_type":"RSA2"}'
    const { button } = pressed({ isvAppId: '2021000000000099' })
    await button.start()
    await button.received({ type: 'getAuthorize', detail: {} })
    const [, got] = host.said.find(([name]) => name === 'getPhoneNumber')
    assert.deepEqual(got.protocols, { isvAppId: '2021000000000099' })
    assert.deepEqual(bodies(host)[0].authorization, { response: host.response })
    const [, , request] = host.said.find(([name]) => name === 'request')
    assert.equal(request.headers['content-type'], 'application/json')
    assert.equal(request.dataType, 'text')
  })

  test('of Alipay takes a string that the page has got itself', async () => {
    const host = stage('alipay')
    const { button } = pressed()
    await button.start()
    for (const given of [host.response, { response: host.response }, { detail: { response: host.response } }]) {
      await button.received(given)
      assert.deepEqual(bodies(host).at(-1).authorization, { response: host.response })
      await settle()
    }
    assert.ok(!asked(host).includes('getPhoneNumber'))
  })

  test('of Baidu and Kuaishou has no `code`, which the service would read as a login', async () => {
    for (const platform of ['baidu', 'kuaishou']) {
      const host = stage(platform)
      const { button } = pressed()
      await button.start()
      await button.received({ detail: { code: 'C', encryptedData: 'ED', iv: 'IV' } })
      assert.deepEqual(bodies(host)[0].authorization, { encryptedData: 'ED', iv: 'IV' })
    }
  })

  test('names what it is for, also where no policy was shown', async () => {
    const host = stage('wechat')
    for (const consent of [{ scene: 'checkout' }, { policy: '2026-01' }]) {
      const { button } = pressed(consent)
      await button.received({ detail: { code: 'C' } })
      assert.deepEqual(bodies(host).at(-1).consent, consent)
    }
  })

  test('goes to a function where one is given', async () => {
    const host = stage('wechat')
    const sent = []
    const { button, told } = pressed({ server: undefined, post: async (body) => (sent.push(body), { status: 201, body: { mine: 1 } }) })
    await button.start()
    await button.received({ code: 'C' })
    assert.deepEqual(sent, [{ login_code: 'login-1', authorization: { code: 'C' } }])
    assert.deepEqual(told, [{ ok: true, platform: 'wechat', answer: { mine: 1 } }])
    assert.deepEqual(asked(host), ['login', 'login'])
  })

  test('a function that answers nothing leaves no button that waits for ever', async (context) => {
    stage('wechat')
    for (const answer of [undefined, null, {}, { status: 200 }, { status: 500, body: null }]) {
      const { button, told } = pressed({ post: () => answer })
      await button.start()
      const ended = button.received({ code: 'C' })
      await pass(context, 10_000)
      assert.equal((await ended).ok, answer?.status === 200)
      assert.deepEqual([button.state.busy, told.length], [false, 1])
    }
  })

  test('a function that throws, at once or later, is a failure of the network', async (context) => {
    stage('wechat')
    for (const post of [() => { throw new Error('no') }, async () => { throw new Error('no') }, () => Promise.reject({ errMsg: 'no' })]) {
      const { button, told } = pressed({ post })
      await button.start()
      const ended = button.received({ code: 'C' })
      await pass(context, 10_000)
      await ended
      assert.deepEqual(told.map(({ reason, message }) => [reason, message]), [['network', 'no']])
    }
  })
})

describe('two taps', () => {
  test('at once are one request and one outcome', async () => {
    const host = stage('wechat')
    const { button, told } = pressed()
    await button.start()
    const both = [button.received({ detail: { code: 'A' } }), button.received({ detail: { code: 'B' } })]
    assert.equal(button.state.busy, true)
    assert.equal(button.state.ready, false)
    const [one, two] = await Promise.all(both)
    assert.equal(one, two)
    assert.deepEqual(bodies(host).map((body) => body.authorization.code), ['A'])
    assert.equal(told.length, 1)
  })

  test('one just after the answer is one too; a later one is a new one', async (context) => {
    const host = stage('wechat')
    const { button, told } = pressed()
    await button.start()
    await button.received({ detail: { code: 'A' } })
    await button.received({ detail: { code: 'B' } })
    assert.equal(bodies(host).length, 1)
    await pass(context, 1_500)
    await button.received({ detail: { code: 'C' } })
    assert.deepEqual(bodies(host).map((body) => body.authorization.code), ['A', 'C'])
    assert.equal(told.length, 2)
  })

  test('a user who declines may tap again at once', async () => {
    const host = stage('wechat')
    const { button, told } = pressed()
    await button.start()
    await button.received({ detail: { errMsg: 'getPhoneNumber:fail user deny' } })
    await button.received({ detail: { code: 'B' } })
    assert.deepEqual(told.map((each) => each.ok), [false, true])
    assert.equal(bodies(host)[0].login_code, 'login-1') // nothing had used it
    assert.equal(button.state.text, '')
  })
})

const WECHAT = [
  // what the event says                                          reason       next         errno
  [{ errMsg: 'getPhoneNumber:fail user deny' }, 'denied', 'ask-again', 0],
  [{ errMsg: 'getPhoneNumber:fail:user cancel' }, 'denied', 'ask-again', 0],
  [{ errMsg: 'getPhoneNumber:fail auth deny' }, 'denied', 'ask-again', 0],
  [{}, 'denied', 'ask-again', 0],
  [{ errMsg: 'getPhoneNumber:fail privacy permission is not authorized', errno: 104 }, 'privacy', 'ask-again', 104],
  [{ errMsg: 'getPhoneNumber:fail privacy permission is not authorized' }, 'privacy', 'ask-again', 0],
  [{ errMsg: 'getPhoneNumber:fail', errno: 103 }, 'privacy', 'ask-again', 103],
  [{ errMsg: 'getPhoneNumber:fail', errno: 1400001 }, 'quota', 'stop', 1400001],
  [{ errMsg: 'getPhoneNumber:fail', errno: '1400001' }, 'quota', 'stop', 1400001],
  [{ errMsg: 'getPhoneNumber:fail no permission', errno: 102 }, 'platform', 'stop', 102],
  [{ errMsg: 'getPhoneNumber:fail no permission' }, 'platform', 'stop', 0],
  [{ errMsg: 'getPhoneNumber:fail api scope is not declared in the privacy agreement', errno: 112 }, 'platform', 'stop', 112],
  [{ errMsg: 'getPhoneNumber:fail api scope is not declared in the privacy agreement' }, 'platform', 'stop', 0],
  [{ errMsg: 'getPhoneNumber:fail', errno: 102 }, 'platform', 'stop', 102],
  [{ errMsg: 'getPhoneNumber:fail', errno: 112 }, 'platform', 'stop', 112],
  [{ errMsg: 'getPhoneNumber:fail system error' }, 'platform', 'ask-again', 0],
  [{ errMsg: 'getPhoneNumber:fail', errno: 1040 }, 'platform', 'ask-again', 1040],
]

describe('without an authorization', () => {
  for (const [detail, reason, next, errno] of WECHAT) {
    test(`WeChat: ${JSON.stringify(detail)} is ${reason}, ${next}`, async () => {
      const host = stage('wechat')
      const { button, told } = pressed()
      await button.start()
      const failure = await button.received({ type: 'getphonenumber', detail })
      assert.deepEqual([failure.reason, failure.next, failure.errno, failure.retry, failure.fallback], [reason, next, errno, false, true])
      assert.equal(failure.message, detail.errMsg ?? '')
      assert.deepEqual(told, [failure])
      assert.deepEqual(asked(host), ['login']) // no request, and the login is still good
      assert.deepEqual([button.state.ready, button.state.text, button.state.reason], [true, failure.text, reason])
    })
  }

  test('Douyin: "platform auth deny" is not the user', async () => {
    stage('douyin')
    const { button } = pressed()
    await button.start()
    const failure = await button.received({ detail: { errMsg: 'getPhoneNumber:fail platform auth deny' } })
    assert.deepEqual([failure.reason, failure.next], ['platform', 'stop'])
    assert.equal((await button.received({ detail: { errMsg: 'getPhoneNumber:fail auth deny' } })).reason, 'denied')
  })

  test('Alipay: the error event', async () => {
    const host = stage('alipay')
    const { button, told } = pressed()
    await button.start()
    const cancelled = await button.declined({ type: 'getAuthorize', detail: { type: 'getAuthorize', errorMessage: '用户取消授权' } })
    assert.deepEqual([cancelled.reason, cancelled.message], ['denied', '用户取消授权'])
    assert.equal((await button.declined({ detail: { errorMessage: '系统异常' } })).reason, 'platform')
    assert.equal((await button.declined()).reason, 'denied')
    assert.equal(told.length, 3)
    assert.deepEqual(asked(host), ['login'])
  })

  test('Alipay: an error event during a request is not a second outcome', async () => {
    stage('alipay')
    const { button, told } = pressed()
    await button.start()
    const ended = button.received()
    button.declined({ detail: { errorMessage: '用户取消授权' } })
    await ended
    assert.deepEqual(told.map((each) => each.ok), [true])
  })

  for (const [error, reason] of [
    [{ error: 11, errorMessage: '用户取消' }, 'denied'],
    [{ error: 1, errorMessage: '接口不可用' }, 'platform'],
  ]) {
    test(`Alipay: my.getPhoneNumber fails with ${JSON.stringify(error)}: ${reason}`, async () => {
      const host = stage('alipay', { error })
      const { button } = pressed()
      await button.start()
      const failure = await button.received()
      assert.deepEqual([failure.reason, failure.errno, failure.message], [reason, error.error, error.errorMessage])
      assert.deepEqual(bodies(host), [])
    })
  }

  const NOT_AUTHORIZED = { code: '40003', msg: 'Insufficient Conditions', subCode: 'isv.invalid-auth-relations', subMsg: '无效的授权关系' }
  const NO_KEY = { code: '40001', msg: 'Missing Required Arguments', subCode: 'isv.missing-encrypt-key', subMsg: '缺少加密配置' }
  const BUSY = { code: '20000', msg: 'Service Currently Unavailable', subCode: 'aop.unknow-error', subMsg: '系统繁忙' }
  for (const [name, wrap] of [
    ['an object in the string', (reply) => JSON.stringify({ response: reply })],
    ['a string in the string', (reply) => JSON.stringify({ response: JSON.stringify(reply) })],
    ['bare', (reply) => JSON.stringify(reply)],
    ['an object', (reply) => ({ response: reply })],
  ]) {
    test(`Alipay: an error reply of my.getPhoneNumber, ${name}`, async () => {
      const host = stage('alipay')
      const { button } = pressed()
      await button.start()
      for (const [reply, reason, next] of [
        [NOT_AUTHORIZED, 'denied', 'ask-again'], [NO_KEY, 'platform', 'stop'], [BUSY, 'platform', 'ask-again'],
      ]) {
        host.response = wrap(reply)
        const failure = await button.received()
        assert.deepEqual(
          [failure.reason, failure.next, failure.code, failure.message],
          [reason, next, `${reply.code}/${reply.subCode}`, reply.subMsg],
        )
      }
      assert.deepEqual(bodies(host), [])
    })
  }

  test('Alipay: an error reply in the spelling of the gateway', async () => {
    stage('alipay', { response: JSON.stringify({ response: { code: '40006', msg: 'm', sub_code: 'isv.insufficient-isv-permissions', sub_msg: 'ISV权限不足' } }) })
    const { button } = pressed()
    await button.start()
    const { code, message, next } = await button.received()
    assert.deepEqual([code, message, next], ['40006/isv.insufficient-isv-permissions', 'ISV权限不足', 'stop'])
  })

  test('Alipay: a success in clear text is for the server to judge', async () => {
    const host = stage('alipay', { response: '{"response":{"code":"10000","msg":"Success","mobile":"13800001111"}}' })
    const { button } = pressed()
    await button.start()
    await button.received()
    assert.deepEqual(bodies(host)[0].authorization, { response: host.response })
  })

  test('Alipay: nothing at all', async () => {
    stage('alipay', { response: undefined })
    const { button } = pressed()
    await button.start()
    assert.equal((await button.received()).reason, 'platform')
  })

  test('Alipay: a my.getPhoneNumber that never calls back ends', async (context) => {
    stage('alipay', { getPhoneNumber() {} })
    const { button } = pressed()
    await button.start()
    const ended = button.received()
    await pass(context, 11_000)
    assert.equal((await ended).reason, 'platform')
    assert.equal(button.state.busy, false)
  })
})

describe('the answer', () => {
  const answer = async (reply, options) => {
    const host = stage('wechat')
    host.replies.push(reply)
    const made = pressed(options)
    await made.button.start()
    return { host, ...made, outcome: await made.button.received({ code: 'C' }) }
  }
  const problem = (code, next, more) => ({ type: 'about:blank', title: `title of ${code}`, status: 422, code, next, retry: next === 'retry-later', ...more })

  test('with a number', async () => {
    const { outcome, button, told } = await answer({ status: 200, body: { masked: '138****5544', token: 't' } })
    assert.deepEqual(outcome, { ok: true, platform: 'wechat', answer: { masked: '138****5544', token: 't' } })
    assert.deepEqual(told, [outcome])
    assert.equal(button.state.reason, '')
  })

  test('in the habit {code, msg, data}', async () => {
    assert.deepEqual((await answer({ status: 200, body: { code: 0, msg: 'ok', data: { masked: '1' } } })).outcome.answer, { masked: '1' })
    const { outcome } = await answer({ status: 200, body: { code: 422, msg: 'x', data: problem('expired', 'ask-again') } })
    assert.deepEqual([outcome.ok, outcome.code, outcome.next], [false, 'expired', 'ask-again'])
  })

  test('ask-again: the words are the server\'s, nobody is sent elsewhere, and the login is new', async () => {
    const { outcome, button, host } = await answer({ status: 422, body: problem('expired', 'ask-again') })
    const { ok, reason, next, retry, fallback, code, text } = outcome
    assert.deepEqual({ ok, reason, next, retry, fallback, code, text }, {
      ok: false, reason: 'server', next: 'ask-again', retry: false, fallback: false, code: 'expired', text: 'title of expired',
    })
    await settle()
    assert.deepEqual(asked(host), ['login', 'request', 'login'])
    assert.deepEqual([button.state.ready, button.state.again, button.state.text], [true, false, 'title of expired'])
  })

  test('stop: the fallback is offered', async () => {
    const { outcome, button } = await answer({ status: 422, body: problem('no-phone', 'stop') })
    assert.deepEqual([outcome.reason, outcome.next, outcome.fallback], ['server', 'stop', true])
    assert.equal(button.state.fallback, true)
  })

  test('declined, by the server\'s word', async () => {
    assert.equal((await answer({ status: 422, body: problem('declined', 'ask-again') })).outcome.reason, 'denied')
  })

  test('a precise code, whose words are for developers, is told in the words of the kit', async () => {
    const { outcome } = await answer({ status: 422, body: problem('trust.signature-missing', 'stop') })
    assert.deepEqual([outcome.code, outcome.text], ['trust.signature-missing', '暂时无法完成，请稍后再试'])
    const english = await answer({ status: 422, body: problem('trust.signature-missing', 'stop') }, { lang: 'en' })
    assert.equal(english.outcome.text, 'This did not work. Please try later')
  })

  test('of something that is not the service', async () => {
    for (const [status, body, next] of [
      [404, '<html>', 'stop'], [401, undefined, 'stop'], [500, '', 'ask-again'], [413, null, 'stop'],
    ]) {
      const { outcome } = await answer({ status, body })
      assert.deepEqual([outcome.reason, outcome.next, outcome.text], ['server', next, '暂时无法完成，请稍后再试'], String(status))
    }
  })

  test('Alipay: a refusal comes in its error, and is read', async () => {
    const host = stage('alipay')
    host.replies.push({ fail: { error: 19, errorMessage: 'http status error', status: 422, data: JSON.stringify(problem('expired', 'ask-again')), headers: {} } })
    const { button } = pressed()
    await button.start()
    const outcome = await button.received()
    assert.deepEqual([outcome.reason, outcome.code, outcome.next, outcome.text], ['server', 'expired', 'ask-again', 'title of expired'])
  })

  test('Alipay: a refusal that it swallows is still the server\'s', async () => {
    const host = stage('alipay')
    host.replies.push({ fail: { error: 19, errorMessage: 'http status error' } })
    const { button } = pressed()
    await button.start()
    const outcome = await button.received()
    assert.deepEqual([outcome.reason, outcome.next, outcome.retry], ['server', 'ask-again', false])
  })
})

describe('retry-later', () => {
  const LATER = { title: 'busy', code: 'try-later', next: 'retry-later', retry: true }

  test('sends the same body again, with the same login, until there is an answer', async (context) => {
    const host = stage('wechat')
    host.replies.push({ status: 503, body: LATER }, { fail: { errMsg: 'request:fail' } })
    const { button, told } = pressed({ policy: '2026-01' })
    await button.start()
    const ended = button.received({ code: 'C' })
    await pass(context, 5_000)
    assert.equal((await ended).ok, true)
    const sent = bodies(host)
    assert.equal(sent.length, 3)
    assert.deepEqual(sent[1], sent[0])
    assert.deepEqual(sent[2], sent[0])
    assert.equal(told.length, 1)
  })

  test('waits as long as the server asks for', async (context) => {
    const host = stage('wechat')
    host.replies.push({ status: 503, body: LATER, headers: { 'Retry-After': '4' } })
    const { button } = pressed()
    await button.start()
    button.received({ code: 'C' })
    await pass(context, 3_500)
    assert.equal(bodies(host).length, 1)
    await pass(context, 1_000)
    assert.equal(bodies(host).length, 2)
  })

  test('a date, which is not understood, is no wait', async (context) => {
    const host = stage('wechat')
    for (let i = 0; i < 3; i++) host.replies.push({ status: 503, body: LATER, headers: { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' } })
    const { button } = pressed()
    await button.start()
    const ended = button.received({ code: 'C' })
    await pass(context, 5_000)
    assert.deepEqual([(await ended).retryAfter, button.state.ready], [undefined, true])
  })

  test('a long wait is the user\'s: a plain button sends the same again, and not before', async (context) => {
    const host = stage('wechat')
    host.replies.push({ status: 429, body: LATER, headers: { 'retry-after': '20' } })
    const { button, told } = pressed()
    await button.start()
    const failure = await button.received({ code: 'C' })
    assert.deepEqual([failure.retry, failure.retryAfter, failure.fallback, failure.text], [true, 20, true, 'busy'])
    assert.deepEqual([button.state.again, button.state.ready, button.state.openType, button.state.label], [true, false, '', '重试'])
    await pass(context, 25_000)
    assert.equal(button.state.ready, true)
    assert.deepEqual(asked(host), ['login', 'request']) // the login of the body is kept
    const again = button.again()
    assert.deepEqual([button.state.busy, button.state.again, button.state.label, button.state.text], [true, false, '请稍候…', ''])
    assert.equal(button.again(), again)
    assert.equal((await again).ok, true)
    assert.deepEqual(bodies(host)[1], bodies(host)[0])
    await settle()
    assert.deepEqual(asked(host), ['login', 'request', 'request', 'login'])
    assert.deepEqual(told.map((each) => each.ok), [false, true])
    assert.deepEqual([button.state.again, button.state.ready, button.state.openType], [false, true, 'getPhoneNumber'])
  })

  test('ends after three tries; the code lives on for a while, and then the button asks anew', async (context) => {
    const host = stage('wechat')
    for (let i = 0; i < 3; i++) host.replies.push({ fail: { errMsg: 'request:fail timeout' } })
    const { button } = pressed()
    await button.start()
    const ended = button.received({ code: 'C' })
    await pass(context, 5_000)
    const failure = await ended
    assert.deepEqual(
      [failure.reason, failure.next, failure.retry, failure.fallback, failure.message],
      ['network', 'retry-later', true, true, 'request:fail timeout'],
    )
    assert.equal(bodies(host).length, 3)
    assert.equal(button.state.again, true)
    await pass(context, 5 * MINUTE)
    assert.deepEqual([button.state.again, button.state.ready], [false, true])
    assert.deepEqual(asked(host).slice(-1), ['login'])
  })

  test('a request that never ends, ends', async (context) => {
    const host = stage('wechat')
    for (let i = 0; i < 3; i++) host.replies.push('silence')
    const { button } = pressed({ timeout: 3000 })
    await button.start()
    const ended = button.received({ code: 'C' })
    await pass(context, 20_000)
    assert.deepEqual([(await ended).reason, bodies(host).length], ['network', 3])
  })

  test('is not done where the server says that the same would fail again', async () => {
    const host = stage('wechat')
    host.replies.push({ status: 502, body: { ...LATER, retry: false } })
    const { button } = pressed()
    await button.start()
    const failure = await button.received({ code: 'C' })
    assert.deepEqual([failure.next, failure.retry, bodies(host).length], ['retry-later', false, 1])
    assert.equal(button.state.again, false)
  })

  test('is what a proxy means that says no more than its status', async (context) => {
    for (const status of [429, 502, 503, 504]) {
      const host = stage('wechat')
      host.replies.push({ status, body: 'Bad Gateway' })
      const { button } = pressed()
      await button.start()
      const ended = button.received({ code: `C${status}` })
      await pass(context, 3_000)
      assert.equal((await ended).ok, true)
      button.stop()
    }
  })
})

describe('old base libraries', () => {
  for (const [platform, version, options, supported] of [
    ['wechat', '2.21.1', {}, false],
    ['wechat', '2.21.2', {}, true],
    ['wechat', '2.9.5', {}, false],
    ['wechat', '3.0.0', {}, true],
    ['wechat', '2.10.0', { acceptEncryptedData: true }, true],
    ['wechat', '2.24.3', { realtime: true }, false],
    ['wechat', '2.24.4', { realtime: true }, true],
    ['wechat', '2.10.0', { realtime: true, acceptEncryptedData: true }, false],
    ['wechat', 'latest', {}, true],
    ['douyin', '3.50.0.1', {}, false],
    ['douyin', '3.51.0', {}, true],
    ['douyin', '3.9.0', { acceptEncryptedData: true }, true],
    ['kuaishou', '1.0.0', {}, true],
  ]) {
    test(`${platform} ${version} ${JSON.stringify(options)}: ${supported ? 'supported' : 'unsupported'}`, async () => {
      const host = stage(platform, { version })
      const { button } = pressed(options)
      await button.start()
      assert.deepEqual([button.state.supported, button.state.ready], [supported, supported])
      if (!supported) {
        assert.deepEqual([button.state.reason, button.state.fallback, button.state.openType], ['unsupported', true, ''])
        assert.deepEqual(asked(host), [])
      }
    })
  }

  test('the version of a new WeChat is read in the new way', () => {
    stage('wechat', { getAppBaseInfo: () => ({ SDKVersion: '2.20.0' }), getSystemInfoSync: undefined })
    assert.equal(pressed().button.state.supported, false)
  })

  test('a platform that does not tell its version is taken at its word', () => {
    stage('wechat', { getSystemInfoSync: undefined })
    assert.equal(pressed().button.state.supported, true)
  })

  test('Alipay without my.getPhoneNumber', async () => {
    stage('alipay', { getPhoneNumber: undefined })
    const { button } = pressed()
    await button.start()
    assert.deepEqual([button.state.supported, button.state.fallback], [false, true])
  })

  test('an event without a code, which only old ones give, is not sent', async () => {
    const host = stage('wechat')
    const { button } = pressed()
    await button.start()
    for (const detail of [{ errMsg: 'getPhoneNumber:ok', encryptedData: 'ED', iv: 'IV' }, { errMsg: 'getPhoneNumber:ok' }]) {
      const failure = await button.received({ detail })
      assert.deepEqual([failure.reason, failure.next, failure.fallback], ['unsupported', 'stop', true])
    }
    assert.deepEqual(bodies(host), [])
  })

  test('unless the app accepts it', async () => {
    const host = stage('wechat')
    const { button } = pressed({ acceptEncryptedData: true })
    await button.start()
    await button.received({ detail: { errMsg: 'getPhoneNumber:ok', encryptedData: 'ED', iv: 'IV' } })
    assert.deepEqual(bodies(host)[0].authorization, { encryptedData: 'ED', iv: 'IV' })
  })
})

describe('the kind of button', () => {
  for (const [platform, options, openType, scope] of [
    ['wechat', {}, 'getPhoneNumber', ''],
    ['wechat', { realtime: true }, 'getRealtimePhoneNumber', ''],
    ['wechat', { agreePrivacy: true }, 'getPhoneNumber|agreePrivacyAuthorization', ''],
    ['wechat', { agreePrivacy: true, realtime: true }, 'getRealtimePhoneNumber|agreePrivacyAuthorization', ''],
    ['alipay', { realtime: true, agreePrivacy: true }, 'getAuthorize', 'phoneNumber'],
    ['baidu', { realtime: true }, 'getPhoneNumber', ''],
    ['douyin', { agreePrivacy: true }, 'getPhoneNumber', ''],
  ]) {
    test(`${platform} ${JSON.stringify(options)}`, async () => {
      stage(platform)
      const { button } = pressed(options)
      await button.start()
      assert.deepEqual([button.state.openType, button.state.scope], [openType, scope])
    })
  }

  test('the button that agrees to the privacy guideline is left out where it is not known', () => {
    stage('wechat', { version: '2.33.0' })
    assert.equal(pressed({ agreePrivacy: true }).button.state.openType, 'getPhoneNumber')
  })

  test('changed options change it, and the others stay', async () => {
    stage('wechat')
    const { button, states } = pressed()
    await button.start()
    button.set({ realtime: true, lang: 'en' })
    assert.deepEqual([button.state.openType, button.state.label], ['getRealtimePhoneNumber', 'Continue with phone number'])
    assert.equal(states.at(-1), button.state)
  })

  test('no handler of privacy is registered, because the last one wins for the whole program', async () => {
    const host = stage('wechat')
    const touched = []
    const watched = new Proxy(host, { get: (target, name) => (touched.push(name), target[name]) })
    globalThis.wx = watched
    const { button } = pressed({ agreePrivacy: true })
    await button.start()
    await button.received({ detail: { errMsg: 'getPhoneNumber:fail privacy permission is not authorized', errno: 104 } })
    assert.ok(!touched.some((name) => /privacy/i.test(String(name))), touched.join())
  })
})

describe('mini-games', () => {
  test('ask with wx.getPhoneNumber', async () => {
    const questions = []
    const host = stage('wechat', {
      getPhoneNumber: (question) => (questions.push(question), queueMicrotask(() => question.success({ code: 'G', errMsg: 'getPhoneNumber:ok', errno: 0 }))),
    })
    const { button, told } = pressed({ realtime: true })
    await button.start()
    assert.equal((await button.ask()).ok, true)
    assert.equal(questions[0].isRealtime, true)
    assert.deepEqual(bodies(host)[0], { login_code: 'login-1', authorization: { code: 'G' } })
    assert.equal(told.length, 1)
  })

  test('are refused in the same words', async () => {
    stage('wechat', { getPhoneNumber: ({ fail }) => fail({ errMsg: 'getPhoneNumber:fail', errno: 1400001 }) })
    const { button, told } = pressed()
    await button.start()
    assert.equal((await button.ask()).reason, 'quota')
    assert.equal(told.length, 1)
  })

  test('without the function', async () => {
    stage('wechat')
    const { button } = pressed()
    await button.start()
    assert.equal((await button.ask()).reason, 'platform')
  })
})
