/** The emitted pages run: what is shown, and exactly what is posted, on every platform. */

import assert from 'node:assert/strict'
import test from 'node:test'

import { KEY } from '../e2e/world.mjs'
import { open } from './shop.mjs'
import { TARGETS } from './targets.mjs'

const REFUSED = { status: 422, body: { code: 'not-accepted', title: '', next: 'ask-again', retry: false } }

const NUMBER = /138\*\*\*\*2222/

for (const [name, target] of Object.entries(TARGETS).filter(([, each]) => each.isRun)) {
  const prefix = target.platform === 'alipay' ? 'on' : 'bind'
  const event = (type) => (prefix === 'on' ? `on${type[0].toUpperCase()}${type.slice(1)}` : `bind${type}`)

  test(`${name}: the button is there after the login, with the consent above it`, async () => {
    const page = await open(name)
    await page.ready()
    const shown = page.button().values
    assert.equal(shown['open-type'], target.openType)
    assert.equal(shown.scope, target.platform === 'alipay' ? 'phoneNumber' : undefined)
    assert.deepEqual(page.logins, ['login-1'])
    assert.match(page.text(), /合计\n¥267.00\n我们用手机号通知你取货，详见《隐私政策》。\n\(2026-01\)\n手机号一键下单$/)
    assert.deepEqual(page.errors, [])
    page.close()
    const asked = page.logins.length
    await page.advance(1000)
    await page.advance(1000, 'elsewhere')
    assert.equal(page.logins.length, asked) // a button that is gone does nothing
  })

  test(`${name}: before the login the button cannot be tapped`, async () => {
    const page = await open(name, undefined, { api: { [target.login]: () => {} } })
    await page.until(() => page.button())
    await page.settle()
    assert.equal(page.button().values.disabled, true)
    page.close()
  })

  test(`${name}: agreed, posted once, and the number is on the page`, async () => {
    const page = await open(name)
    await page.ready()
    page.agree()
    page.agree() // a double tap
    await page.until(() => page.button().values.loading)
    assert.equal(page.button().values.disabled, true)
    await page.until(() => NUMBER.test(page.text()))
    await page.settle()
    assert.equal(page.posted.length, 1)
    const [{ url, method, headers, body, logins }] = page.posted
    assert.equal(url, `https://phone.example.com/v1/apps/${target.app}/phone-number`)
    assert.equal(method, 'POST')
    assert.equal(headers['content-type'], 'application/json')
    assert.equal(headers.authorization, `Bearer ${KEY}`)
    assert.deepEqual(body, {
      authorization: target.authorization, login_code: 'login-1', consent: { policy: '2026-01', scene: 'checkout' },
    })
    assert.equal(logins, 1) // none in the callback
    assert.equal(page.button(), undefined)
    assert.deepEqual(page.errors, [])
    page.close()
  })

  test(`${name}: declined, nothing posted, and the other way is offered`, async () => {
    const page = await open(name)
    await page.ready()
    page.decline()
    await page.until(() => /没有获得授权，可以再点一次\n用这个号码$/.test(page.text()))
    await page.settle()
    assert.deepEqual(page.posted, [])
    page.fire(page.find('input')[0], event('input'), { value: '13800002222' })
    await page.until(() => page.find('button')[1].values.disabled === false)
    page.fire(page.find('button')[1], event('tap'), {})
    await page.until(() => page.text().includes('13800002222'))
    page.close()
  })

  test(`${name}: a login that the server refused is not sent again`, async () => {
    const page = await open(name, [REFUSED, { status: 200, body: { masked: '138****2222' } }])
    await page.ready()
    page.agree()
    await page.until(() => page.text().includes('暂时无法完成，请稍后再试'))
    await page.ready()
    assert.deepEqual(page.logins, ['login-1', 'login-2'])
    page.fire(page.button(), target.agree, target.agreed.code ? { ...target.agreed, code: 'another-code' } : target.agreed)
    await page.until(() => NUMBER.test(page.text()))
    assert.deepEqual(page.posted.map(({ body }) => body.login_code), ['login-1', 'login-2'])
    page.close()
  })

  test(`${name}: a login that has aged is not sent`, async () => {
    const page = await open(name)
    await page.ready()
    await page.advance(245) // while the page is open
    await page.until(() => page.logins.length === 2)
    await page.settle() // it is answered
    await page.advance(245, 'elsewhere')
    assert.equal(page.logins.length, 3) // at once, and not when a timer wakes up
    await page.ready()
    await page.settle()
    page.agree()
    await page.until(() => NUMBER.test(page.text()))
    assert.deepEqual(page.posted.map(({ body, logins }) => [body.login_code, logins]), [['login-3', 3]])
    page.close()
  })
}

test('Alipay: the string of my.getPhoneNumber is posted as it came', async () => {
  const page = await open('mp-alipay')
  await page.ready()
  page.agree()
  await page.until(() => NUMBER.test(page.text()))
  const { response } = page.posted[0].body.authorization
  assert.equal(typeof response, 'string')
  assert.equal(response, page.target.envelope)
  assert.equal(page.asked.length, 1)
  assert.equal('protocols' in page.asked[0], false)
  page.close()
})

test('Alipay: a user who cancels after all has declined, wherever the platform says so', async () => {
  const reply = JSON.stringify({ response: { code: '40003', msg: 'Insufficient Conditions', subCode: 'isv.invalid-auth-relations' } })
  const page = await open('mp-alipay', undefined, { api: { getPhoneNumber: ({ success }) => success({ response: reply }) } })
  await page.ready()
  page.agree()
  await page.until(() => page.text().includes('没有获得授权'))
  assert.deepEqual(page.posted, [])
  page.close()
})

test('WeChat: an old base library has the other way alone', async () => {
  const page = await open('mp-weixin', undefined, { api: { getAppBaseInfo: () => ({ SDKVersion: '2.9.0' }) } })
  await page.settle()
  assert.equal(page.button(), undefined)
  assert.deepEqual(page.logins, [])
  assert.match(page.text(), /用这个号码$/)
  page.close()
})

test('WeChat: a used-up quota offers the other way', async () => {
  const page = await open('mp-weixin')
  await page.ready()
  assert.equal(page.button().values['phone-number-no-quota-toast'], false)
  page.fire(page.button(), 'bindgetphonenumber', { errMsg: 'getPhoneNumber:fail', errno: 1400001 })
  await page.until(() => /暂时不能获取手机号，请用其他方式填写\n用这个号码$/.test(page.text()))
  page.close()
})

test('a request that may be sent again is sent by a plain button, without a second consent', async () => {
  const body = { code: 'too-many-requests', next: 'retry-later', retry: true }
  const busy = { status: 429, headers: { 'Retry-After': '6' }, body }
  const page = await open('mp-weixin', [busy, { status: 200, body: { masked: '138****2222' } }])
  await page.ready()
  page.agree()
  await page.until(() => page.text().includes('暂时无法完成，请稍后再试'))
  assert.equal('open-type' in page.button().node.attributes, false)
  assert.equal(page.button().values.disabled, true) // until the wait is over
  await page.advance(7)
  await page.ready()
  page.fire(page.button(), 'bindtap', {})
  await page.until(() => NUMBER.test(page.text()))
  assert.deepEqual(page.posted[1].body, page.posted[0].body)
  page.close()
})

const every = (name) => open(name, undefined, { folder: 'dist/plugin/dist/build', page: 'pages/every/every' })
const said = (page) => page.find('text').find((each) => each.values.class === 'said').children.join('').split('\n').filter(Boolean)
  .map((line) => [line.slice(0, line.indexOf(' ')), JSON.parse(line.slice(line.indexOf(' ') + 1))]) // prettier-ignore

for (const [name, type] of [['mp-weixin', 'getRealtimePhoneNumber|agreePrivacyAuthorization'], ['mp-alipay', 'getAuthorize']]) {
  const tapped = name === 'mp-alipay' ? 'onTap' : 'bindtap'
  const tap = (page, of) => page.fire(page.find('view').find((each) => each.values.class === of), tapped, {})

  test(`${name}: every property reaches the platform or the function of the page's own back end`, async () => {
    const page = await every(name)
    await page.ready()
    assert.equal(page.button().values['open-type'], type)
    assert.match(page.text(), /^The shop uses your number for pick-up.\n\(2026-02\)\nContinue with phone number$/)
    page.fire(page.button(), name === 'mp-alipay' ? 'onGetAuthorize' : 'bindgetrealtimephonenumber', page.target.agreed)
    await page.until(() => said(page).length === 2)
    const body = {
      login_code: 'login-1', authorization: page.target.authorization, consent: { policy: '2026-02', scene: 'pick-up' },
    }
    const success = { ok: true, platform: page.target.platform, answer: { id: 'of my own back end' } }
    assert.deepEqual(said(page), [['post', body], ['success', success]])
    assert.deepEqual(page.posted, [])
    if (name === 'mp-alipay') assert.equal(page.asked[0].protocols.isvAppId, '2021000000000009')
    assert.deepEqual(page.errors, [])
    page.close()
  })

  test(`${name}: a code is sent and entered`, async () => {
    const page = await every(name)
    await page.ready()
    const field = (of) => page.find('input').find((each) => each.values.class.endsWith(of))
    const press = (of) => page.fire(page.find('button').find((each) => each.values.class === of), tapped, {})
    const input = name === 'mp-alipay' ? 'onInput' : 'bindinput'
    page.fire(page.button(), name === 'mp-alipay' ? 'onError' : 'bindgetphonenumber', page.target.declined)
    await page.until(() => field('haoma-phone-number'))
    page.fire(field('haoma-phone-number'), input, { value: '13800138000' })
    await page.settle()
    press('haoma-phone-send')
    await page.until(() => field('haoma-phone-code'))
    page.fire(field('haoma-phone-code'), input, { value: '123456' })
    await page.settle()
    press('haoma-phone-use')
    await page.until(() => said(page).length === 4)
    const [, send, check, [event, { answer }]] = said(page)
    assert.deepEqual([send, check, event, answer], [
      ['sms/send', { phone_number: '13800138000', login_code: 'login-1' }],
      ['sms/check', { ticket: 't', session: 's', sms_code: '123456', consent: { policy: '2026-02', scene: 'pick-up' } }],
      'success', { id: 'of my own back end', ticket: 't', session: 's', resend_after: 60 },
    ])
    page.close()
  })

  test(`${name}: properties may change, and a failure is told whole`, async () => {
    const page = await every(name)
    await page.ready()
    tap(page, 'disable')
    await page.until(() => page.button().values.disabled)
    assert.equal(page.button().values.loading, false)
    tap(page, 'disable')
    tap(page, 'load')
    await page.until(() => page.button().values.loading)
    assert.equal(page.button().values.disabled, true)
    tap(page, 'load')
    tap(page, 'translate')
    await page.until(() => page.text().includes('手机号码一键登录'))
    page.fire(page.button(), name === 'mp-alipay' ? 'onError' : 'bindgetphonenumber', page.target.declined)
    await page.until(() => said(page).length === 1)
    const [[event, { text, message, ...rest }]] = said(page)
    assert.deepEqual([event, rest], ['fail', { ok: false, reason: 'denied', next: 'ask-again', retry: false, fallback: true, errno: 0 }])
    assert.equal(message, page.target.declined.errMsg ?? page.target.declined.errorMessage)
    assert.ok(page.text().includes(text))
    page.close()
  })
}

test('WeChat: who has agreed to the privacy guideline with the tap is told to the page', async () => {
  const page = await every('mp-weixin')
  await page.ready()
  page.fire(page.button(), 'bindagreeprivacyauthorization', { errMsg: 'ok' })
  await page.until(() => said(page).length === 1)
  assert.deepEqual(said(page), [['agree', { errMsg: 'ok' }]])
  page.close()
})

// The app of the plugin's readme is a WeChat app on every platform.
for (const [page, names] of [['docs', ['mp-weixin', 'mp-alipay']], ['docs-zh', ['mp-weixin', 'mp-alipay']], ['readme', ['mp-weixin']]]) {
  for (const name of names) {
    test(`${name}: what the ${page === 'readme' ? "plugin's readme" : 'page of the kit'} shows works (${page})`, async () => {
      const shop = await open(name, undefined, { folder: 'dist/plugin/dist/build', page: `pages/${page}/${page}` })
      await shop.ready()
      assert.match(shop.text(), /《隐私政策》。\n\(2026-01\)\n手机号一键下单$/)
      shop.agree()
      await shop.until(() => shop.posted.length)
      assert.equal(shop.posted[0].url, `https://phone.example.com/v1/apps/${shop.target.app}/phone-number`)
      assert.match(shop.posted[0].headers.authorization, /^Bearer hk_publishable_/)
      await shop.until(() => NUMBER.test(shop.text()))
      assert.deepEqual(shop.errors, [])
      shop.close()
    })
  }
}
