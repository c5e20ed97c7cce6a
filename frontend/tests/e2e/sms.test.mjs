// The way out by text message: the core's SmsCode asks the real service, which asks the simulator's provider.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { SmsCode } from 'haoma-core/sms'
import { APPS, KEY, world } from './world.mjs'

let there
before(async () => {
  there = await world({ sms: 'aliyun' })
})
after(() => there?.close())

/** The platform's global object in one user's hand: a login, and requests that reach the service. */
function host(platform) {
  const phone = there.phone(platform)
  const logIn = ({ success, fail }) =>
    phone.api.login().then(({ code }) => success(platform === 'alipay' ? { authCode: code } : { code }), fail)
  return {
    login: logIn,
    getAuthCode: logIn,
    async request({ url, method, data, header, headers, success, fail }) {
      try {
        const answer = await fetch(url, { method, body: data, headers: header || headers })
        const body = await answer.text()
        const said = { status: answer.status, statusCode: answer.status, data: body, headers: {} }
        if (platform === 'alipay' && answer.status >= 400) fail({ error: 19, ...said })
        else success(said)
      } catch (error) {
        fail({ errMsg: String(error) })
      }
    },
  }
}

const options = (platform) => ({ app: APPS[platform], server: there.service, publishableKey: KEY, platform })
const inbox = async (number) => (await fetch(`${there.simulator}/device/sms?number=${number}`)).json()

for (const [platform, name] of [['wechat', 'wx'], ['alipay', 'my']]) {
  describe(platform, () => {
    before(() => {
      globalThis[name] = host(platform)
    })
    after(() => {
      delete globalThis[name]
    })

    test('a number is typed, a code comes, and is entered', async () => {
      const number = platform === 'wechat' ? '13800137099' : '13800136099'
      const way = new SmsCode({ ...options(platform), policy: '2026-01', scene: 'checkout' })
      assert.deepEqual(await way.send(number), { ok: true, expiresIn: 300, resendAfter: 60 })
      const { code } = await inbox(number)
      const wrong = await way.check(code === '000000' ? '000001' : '000000')
      assert.deepEqual([wrong.ok, wrong.reason, wrong.next], [false, 'server', 'ask-again'])
      assert.ok(wrong.text)
      const right = await way.check(code)
      assert.equal(right.ok, true)
      assert.match(right.answer.masked, /^138\*\*\*\*/)
      assert.equal(right.answer.assurance, 'sms')
      assert.ok(right.answer.token)
      assert.equal((await way.send(number)).ok, true) // the session goes on: no second login
      assert.equal((await inbox(number)).count, 1) // and within a minute no second message
    })

    test('a number that may not be sent to, and no service', async () => {
      const way = new SmsCode(options(platform))
      const refused = await way.send('+85251234567')
      assert.deepEqual([refused.ok, refused.reason], [false, 'server'])
      const away = new SmsCode({ ...options(platform), server: 'http://127.0.0.1:1', lang: 'en' })
      const lost = await away.send('13800135099')
      assert.deepEqual([lost.ok, lost.reason, lost.retry], [false, 'network', true])
      assert.match(lost.text, /^[A-Z]/)
    })
  })
}

test('a post of one’s own gets the route and the body', async () => {
  globalThis.wx = host('wechat')
  const seen = []
  const way = new SmsCode({
    platform: 'wechat',
    post: async (route, body) => {
      seen.push([route, Object.keys(body)])
      return { status: 200, body: JSON.stringify({ ticket: 't', session: 's', expires_in: 300, resend_after: 60 }) }
    },
  })
  await way.send('13800134099')
  await way.check('123456')
  delete globalThis.wx
  assert.deepEqual(seen, [
    ['send', ['phone_number', 'login_code']],
    ['check', ['ticket', 'session', 'sms_code']],
  ])
})
