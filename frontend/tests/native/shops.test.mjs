// Both examples, drawn by WeChat's open-source component engine in jsdom. The engine of Alipay is imitated: see host/.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { files } from 'haoma-browser-host/tools'
import { run } from '../host/jsdom.mjs'
import { shop } from './shop.mjs'

const EVENTS = {
  wechat: (allow) => (allow ? { errMsg: 'getPhoneNumber:ok', code: 'phone' } : { errMsg: 'getPhoneNumber:fail user deny' }),
  alipay: (allow) =>
    allow
      ? { response: '{"response":"c2VhbGVk","sign":"c2ln"}' }
      : { type: 'error', detail: { type: 'getAuthorize', errorMessage: '用户取消授权' } },
}
const AUTHORIZATIONS = { wechat: { code: 'phone' }, alipay: { response: '{"response":"c2VhbGVk","sign":"c2ln"}' } }
const APPS = { wechat: 'shop-wechat', alipay: 'shop' }
const BUTTON = '[class$="haoma-phone-button"]'

async function open(t, platform, { status = 200, body = { masked: '138****5544' }, event = EVENTS[platform], login, ...options } = {}) {
  let logins = 0
  const answers = [{ status, body }].flat()
  const page = await run(await shop(platform, { server: 'https://phone.example.com', publishableKey: 'hk_publishable_x' }), {
    api: {
      login: login ?? (async () => ({ code: `login-${++logins}` })),
      tap: async ({ allow }) => ({ event: event(allow) }),
      send: async () => ({ headers: {}, status: answers[0].status, body: JSON.stringify(answers[0].body) }),
    },
    ...options,
  })
  t.after(() => {
    page.mounted.destroy()
    page.close()
  })
  const text = () => page.mounted.root.textContent
  return Object.assign(page, { text, button: () => page.find(BUTTON), logins: () => logins })
}

/** Types into a field. */
async function write(page, name, text) {
  const input = page.find(`[class$="${name}"]`)
  input.value = text
  input.dispatchEvent(new page.window.Event('input', { bubbles: true }))
  await page.settled()
}

for (const platform of ['wechat', 'alipay']) {
  describe(platform, () => {
    test('the page shows goods, consent and our label in the button', async (t) => {
      const page = await open(t, platform)
      assert.deepEqual([page.warnings, page.errors], [[], []])
      assert.match(page.text(), /明前龙井.*我们用手机号通知你取货，详见《隐私政策》。 \(2026-01\)/s)
      assert.match(page.button().textContent, /手机号一键下单/)
      assert.equal(page.button().disabled, false)
      assert.equal(page.logins(), 1)
      assert.doesNotMatch(page.text(), /用这个号码/)
    })

    test('allowed: one request, the number on the page', async (t) => {
      const page = await open(t, platform)
      await page.tap(BUTTON)
      assert.deepEqual(page.sent.map((each) => ({ path: each.path, key: each.headers.authorization, body: JSON.parse(each.body) })), [
        {
          path: `/v1/apps/${APPS[platform]}/phone-number`,
          key: 'Bearer hk_publishable_x',
          body: { login_code: 'login-1', authorization: AUTHORIZATIONS[platform], consent: { policy: '2026-01', scene: 'checkout' } },
        },
      ])
      assert.match(page.text(), /138\*\*\*\*5544/)
      assert.equal(page.button(), null)
      assert.deepEqual(page.errors, [])
    })

    test('denied: no request, a sentence and no word of code, and the number can be typed', async (t) => {
      const page = await open(t, platform, { allow: false })
      await page.tap(BUTTON)
      assert.deepEqual(page.sent, [])
      assert.match(page.text(), /没有获得授权，可以再点一次/)
      assert.doesNotMatch(page.text(), /denied/)
      assert.match(page.text(), /用这个号码/)
      assert.equal(page.button().disabled, false)
      await write(page, 'haoma-phone-number', '139 0000 111')
      assert.equal(page.find('[class$="haoma-phone-use"]').disabled, true)
      await write(page, 'haoma-phone-number', '139 0000 1111')
      await page.tap('[class$="haoma-phone-use"]')
      assert.match(page.text(), /13900001111/)
    })

    test('refused by the service: its words, and another try', async (t) => {
      const page = await open(t, platform, {
        status: 422,
        body: { type: 'about:blank', title: '授权已失效，请重新授权', status: 422, code: 'expired', next: 'ask-again', retry: false },
      })
      await page.tap(BUTTON)
      assert.match(page.text(), /授权已失效，请重新授权/)
      assert.equal(page.button().disabled, false)
      assert.equal(page.logins(), 2)
      await page.tap(BUTTON)
      assert.deepEqual(page.sent.map((each) => JSON.parse(each.body).login_code), ['login-1', 'login-2'])
    })

    test('without a login there is a plain button that tries again, and the fallback', async (t) => {
      let works = false
      const page = await open(t, platform, {
        login: async () => {
          if (!works) throw new Error('no network')
          return { code: 'late' }
        },
      })
      assert.match(page.text(), /网络不通，请稍后重试.*用这个号码/s)
      assert.equal(page.button().textContent.trim(), '重试')
      works = true
      await page.tap(BUTTON)
      assert.match(page.button().textContent, /手机号一键下单/)
      await page.tap(BUTTON)
      assert.equal(JSON.parse(page.sent[0].body).login_code, 'late')
    })
  })
}

test('alipay: an error reply of my.getPhoneNumber is not sent', async (t) => {
  const page = await open(t, 'alipay', {
    event: () => ({ response: '{"response":{"code":"40003","msg":"Insufficient Conditions","subCode":"isv.invalid-auth-relations"}}' }),
  })
  await page.tap(BUTTON)
  assert.deepEqual(page.sent, [])
  assert.match(page.text(), /没有获得授权，可以再点一次/)
})

test('wechat: an old base library shows the fallback alone', async (t) => {
  const page = await open(t, 'wechat', { system: { SDKVersion: '2.10.0' } })
  assert.equal(page.button(), null)
  assert.match(page.text(), /当前版本不能获取手机号，请用其他方式填写.*用这个号码/s)
})

describe('the Alipay component on a page of its own', () => {
  /** A page that has the component with these attributes; `page` is the script. */
  async function page(t, attributes, script = 'Page({ data: {} })', api = {}) {
    const sealed = EVENTS.alipay(true)
    const shown = await run(
      {
        'app.json': '{"pages": ["page"]}',
        'app.js': 'App({})',
        'page.json': '{"usingComponents": {"haoma-phone-button": "./es/haoma-phone-button/index"}}',
        'page.axml': `<haoma-phone-button a:if="{{!gone}}" app="{{app}}" server="https://phone.example.com" ${attributes} />
          <button class="change" onTap="change">change</button><view class="said">{{said}}</view>`,
        'page.js': script,
        ...(await files(fileURLToPath(new URL('../../native/es', import.meta.url)), 'es')),
      },
      {
        api: {
          login: async () => ({ code: 'login' }),
          tap: async ({ allow }) => ({ event: allow ? sealed : EVENTS.alipay(false) }),
          send: async () => ({ status: 200, headers: {}, body: '{"masked": "138****5544"}' }),
          ...api,
        },
      },
    )
    t.after(() => {
      shown.mounted.destroy()
      shown.close()
    })
    return shown
  }
  const said = (shown) => shown.read('[class$="said"]')

  test('a label of ours where the page gives none', async (t) => {
    const shown = await page(t, 'lang="en"')
    assert.equal(shown.find(BUTTON).textContent.trim(), 'Continue with phone number')
  })

  test('`onPost` sends instead, and its answer is the answer', async (t) => {
    const shown = await page(
      t,
      'onPost="post" onSuccess="told"',
      `Page({
        data: { app: 'shop' },
        post(body) { return Promise.resolve({ status: 200, body: { mine: body.login_code } }) },
        told({ answer, platform }) { this.setData({ said: platform + ' ' + answer.mine }) },
      })`,
    )
    await shown.tap(BUTTON)
    assert.equal(said(shown), 'alipay login')
    assert.deepEqual(shown.sent, [])
  })

  test('the third-party application is named to Alipay', async (t) => {
    const shown = await page(
      t,
      'isvAppId="2021000000000099" onSuccess="told"',
      `const get = my.getPhoneNumber
      let named = ''
      my.getPhoneNumber = (asked) => ((named = asked.protocols.isvAppId), get(asked))
      Page({ data: { app: 'shop' }, told() { this.setData({ said: named }) } })`,
    )
    await shown.tap(BUTTON)
    assert.equal(said(shown), '2021000000000099')
  })

  test('properties that change are taken, and a component that is gone does nothing more', async (t) => {
    let answer
    const shown = await page(
      t,
      'onSuccess="told"',
      `Page({
        data: { app: 'one', gone: false },
        change() { this.setData(this.data.app === 'one' ? { app: 'two' } : { gone: true }) },
        told() { this.setData({ said: 'told' }) },
      })`,
      { send: () => new Promise((resolve) => (answer = () => resolve({ status: 200, headers: {}, body: '{"masked": "1"}' }))) },
    )
    await shown.tap('[class$="change"]')
    await shown.tap(BUTTON)
    assert.equal(shown.sent[0].path, '/v1/apps/two/phone-number')
    assert.equal(shown.find(BUTTON).disabled, true, 'busy')
    await shown.tap('[class$="change"]')
    assert.equal(shown.find(BUTTON), null)
    answer()
    await shown.settled()
    assert.deepEqual(shown.errors, [])
  })

  test('disabled and loading are the page\'s word too', async (t) => {
    assert.equal((await page(t, 'disabled="{{true}}"')).find(BUTTON).disabled, true)
    const loading = (await page(t, 'loading="{{true}}"')).find(BUTTON)
    assert.deepEqual([loading.disabled, loading.getAttribute('aria-busy')], [true, 'true'])
  })
})
