/** The page of `haoma simulate`, in Chromium: every scene, allow and deny, two browsers, bad input, keys, small screens. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { browser, Page, root, simulate } from './world.mjs'

let simulator, chrome, catalogue
before(async () => {
  ;[simulator, chrome] = await Promise.all([simulate(), browser()])
  catalogue = await (await fetch(`${simulator.url}/phone/api/catalogue?lang=zh`)).json()
})
after(async () => {
  await chrome?.close()
  await simulator?.stop()
})

const open = (options) => Page.open(chrome, simulator, options)
const PLATFORMS = ['wechat', 'alipay', 'baidu', 'douyin', 'kuaishou', 'xiaohongshu', 'huawei', 'dingtalk']

describe('every platform', { concurrency: 2 }, () => {
  for (const platform of PLATFORMS) {
    test(`${platform}: allowed, the number is on the phone and in the timeline`, async () => {
      const page = await open({ query: `lang=zh&platform=${platform}` })
      const { outcome, number } = await page.allow()
      assert.equal(outcome, 'ok')
      assert.match(number, /^138\*{4}\d{4}$/)
      await page.page.locator('#screen .got').waitFor()
      assert.equal(await page.page.locator('#screen .pay').isEnabled(), true)
      await page.end()
    })

    test(`${platform}: denied, nothing is sent and the user may tap again`, async () => {
      const page = await open({ query: `lang=zh&platform=${platform}` })
      const { outcome, code } = await page.deny()
      assert.equal(outcome, 'no')
      assert.match(code, /envelope\.user-declined/)
      assert.equal(await page.page.locator('#sent').evaluate((stop) => stop.classList.contains('idle')), true)
      await page.page.locator('#screen .haoma-phone-text').waitFor()
      await page.tap()
      await page.page.locator('.sheet .allow').click()
      await page.page.locator('#came.ok').waitFor()
      await page.end()
    })
  }
})

test('every scene ends as its line says', { timeout: 240_000 }, async () => {
  const waiting = catalogue.platforms.flatMap(({ name, scenes }) => scenes.map((scene) => ({ platform: name, ...scene })))
  assert.ok(waiting.length > 300)
  assert.deepEqual(new Set(catalogue.platforms.map(({ name }) => name)), new Set(PLATFORMS))
  const wrong = []
  const play = async () => {
    const page = await open({ query: 'lang=zh' })
    await page.ready()
    for (let scene; (scene = waiting.shift()); ) {
      const found = await page.page.evaluate(playHere, scene).catch((error) => ({ error: String(error) }))
      const good = found.outcome === scene.outcome && (scene.expect === 'ok' ? found.number : found.code?.endsWith(scene.expect))
      if (!good) wrong.push({ platform: scene.platform, name: scene.name, outcome: scene.outcome, expect: scene.expect, found })
    }
    await page.end()
  }
  await Promise.all([play(), play(), play()])
  assert.deepEqual(wrong, [])
})

/** Runs in the page: chooses a scene, taps, allows, and tells how it ended. */
async function playHere({ platform, name }) {
  const until = async (what, selector) => {
    for (const end = Date.now() + 45_000; Date.now() < end; ) {
      const found = what()
      if (found) return found
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
    throw new Error(`no ${selector}`)
  }
  const one = (selector) => until(() => document.querySelector(selector), selector)
  const link = document.querySelector(`.pick a[href*="platform=${platform}"]:not([aria-current])`)
  if (link) link.click()
  const find = document.querySelector('#find')
  find.value = name
  find.dispatchEvent(new Event('input'))
  const before = document.querySelector('#screen .own')
  document.querySelector(`.scenes a[data-scene="${name}"]`).click()
  await until(() => document.querySelector('#screen .own') !== before, 'new screen')
  const inside = () => [document, ...[...document.querySelectorAll('.own > div')].flatMap((each) => each.shadowRoot ?? [])]
  const button = await until(() => inside().flatMap((each) => [...each.querySelectorAll('.haoma-phone-button')]).find((each) => !each.disabled), 'button')
  button.click()
  ;(await one('.sheet .allow')).click()
  const came = await one('#came:not(.idle, .now)')
  return {
    outcome: came.className.split(' ')[1],
    code: came.querySelector('.outcome .code')?.textContent ?? '',
    number: came.querySelector('.num.big')?.textContent ?? '',
  }
}

test('a moved clock ages the code between login and tap', async () => {
  const page = await open({ query: 'lang=zh&platform=kuaishou' })
  await page.ready()
  const before = await page.page.locator('#clock').textContent()
  for (let times = 0; times < 3; times += 1) await page.page.locator('#move button').nth(1).click()
  await page.page.locator('#clock small').filter({ hasText: '00:15' }).waitFor()
  assert.notEqual(await page.page.locator('#clock').textContent(), before)
  const { outcome } = await page.allow()
  assert.notEqual(outcome, 'ok')
  await page.page.locator('#move button').last().click()
  await page.page.locator('#clock small').waitFor({ state: 'detached' })
  await page.page.locator('.watch > header .btn').click()
  assert.equal((await page.allow()).outcome, 'ok')
  await page.end()
})

test('two browsers play at once and do not see each other', async () => {
  const [one, other] = await Promise.all([
    open({ query: 'lang=zh&platform=wechat&scene=ok' }),
    open({ query: 'lang=en&platform=alipay&scene=no-sign' }),
  ])
  await Promise.all([one.tap(), other.tap()])
  await Promise.all([one.page.locator('.sheet .allow').click(), other.page.locator('.sheet .allow').click()])
  const [first, second] = await Promise.all([one.verdict(), other.verdict()])
  assert.equal(first.outcome, 'ok')
  assert.match(second.code, /trust\.signature-missing/)
  assert.match(await one.page.locator('#sealed').textContent(), /微信/)
  assert.match(await other.page.locator('#sealed').textContent(), /Alipay/)
  await Promise.all([one.end(), other.end()])
})

describe('what cannot be right', () => {
  for (const query of ['platform=nowhere', 'platform=wechat&scene=<img src=x onerror=alert(1)>', 'scene=%00&user=%22%3E&app=../..', 'lang=xx&theme=javascript:']) {
    test(`an address with ${query}`, async () => {
      const page = await open({ query })
      assert.equal((await page.allow()).outcome, 'ok')
      assert.equal(await page.page.locator('img, script:not([src])').count(), 0)
      await page.end()
    })
  }

  test('what is typed stays text', async () => {
    const page = await open({ query: 'lang=zh&platform=baidu' })
    await page.page.locator('#find').fill('<b>"\'\\')
    await page.page.locator('.scenes .none').waitFor()
    await page.page.locator('#find').fill('EXPIRED')
    assert.ok((await page.page.locator('.scenes a').count()) >= 1)
    await page.deny()
    await page.page.locator('#screen .by-hand').click()
    await page.page.locator('#screen .field').fill('<i>1</i>')
    await page.page.locator('#screen .use').click()
    await page.page.locator('#screen .told').waitFor()
    assert.equal(await page.page.locator('#screen i:not(.capsule i)').count(), 0)
    await page.end()
  })

  test('a run that the simulator has forgotten, and a simulator that has stopped', async () => {
    const away = await simulate()
    const page = await Page.open(chrome, away, { query: 'lang=zh&platform=baidu' })
    await page.tap()
    await away.stop()
    await page.page.locator('.sheet .allow').click()
    await page.page.locator('[role=alert]').filter({ hasText: '再启动后' }).waitFor()
    await page.page.getByRole('button', { name: '再试一次' }).click()
    await page.page.locator('.watch [role=alert]').waitFor()
    await page.context.close()
    assert.deepEqual(page.faults.filter((fault) => !/ERR_CONNECTION_REFUSED|Failed to load resource/.test(fault)), [])
  })
})

describe('keys and screen readers', () => {
  test('a run with the keyboard alone', async () => {
    const page = await open({ query: 'lang=zh&platform=wechat' })
    const { keyboard } = page.page
    const focused = (selector) => page.page.evaluate((wanted) => {
      let at = document.activeElement
      while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
      return Boolean(at?.matches(wanted))
    }, selector)
    await page.ready()
    await keyboard.press('Tab')
    assert.ok(await focused('.skip'))
    for (let times = 0; times < 80 && !(await focused('.haoma-phone-button')); times += 1) await keyboard.press('Tab')
    assert.ok(await focused('.haoma-phone-button'))
    await keyboard.press('Enter')
    await page.page.locator('.sheet').waitFor()
    assert.ok(await focused('.sheet'))
    for (const wanted of ['.deny', '.allow', '.deny']) {
      await keyboard.press('Tab')
      assert.ok(await focused(wanted), wanted)
    }
    await keyboard.press('Escape')
    assert.equal((await page.verdict()).outcome, 'no')
    // The button is disabled while the next login is fetched, and gets focus back with it.
    for (let times = 0; times < 40 && !(await focused('.haoma-phone-button')); times += 1) await page.page.waitForTimeout(50)
    assert.ok(await focused('.haoma-phone-button'))
    await page.page.locator('[role=tab]').first().focus()
    await keyboard.press('ArrowRight')
    assert.equal(await page.page.locator('[role=tab][aria-selected=true]').textContent(), 'Python')
    assert.equal(await page.page.locator('[role=tabpanel]:visible').count(), 1)
    await page.end()
  })

  for (const [lang, scheme, width] of [['zh', 'light', 1440], ['en', 'dark', 1440], ['zh', 'dark', 390], ['en', 'light', 390], ['zh', 'light', 1024]]) {
    test(`no rule of axe is broken: ${lang}, ${scheme}, ${width}`, async () => {
      const page = await open({ query: `lang=${lang}&platform=alipay&scene=no-sign`, scheme, width })
      await page.ready()
      if (width < 1181) await page.page.locator('#chooser > summary').click()
      assert.deepEqual(await page.violations(), [], 'before the tap')
      if (width < 1181) await page.page.locator('#chooser > summary').click()
      await page.tap()
      assert.deepEqual(await page.violations(), [], 'with the sheet')
      await page.page.locator('.sheet .allow').click()
      await page.verdict()
      await page.page.locator('.fold summary').first().click({ timeout: 2000 }).catch(() => {})
      assert.deepEqual(await page.violations(), [], 'after a refusal')
      await page.page.goto(`${simulator.url}/phone/?lang=${lang}&platform=huawei`)
      await page.allow()
      assert.deepEqual(await page.violations(), [], 'after a success')
      await page.end()
    })
  }

  test('no rule of axe is broken by any sheet', async () => {
    const page = await open({ query: 'lang=zh' })
    for (const platform of PLATFORMS) {
      await page.page.goto(`${simulator.url}/phone/?platform=${platform}`)
      await page.tap()
      assert.deepEqual(await page.violations(), [], platform)
    }
    await page.end()
  })
})

describe('screens', () => {
  for (const width of [360, 390, 768, 860, 1024, 1180, 1181, 1440, 1920]) {
    test(`${width} px: nothing is cut off at the side`, async () => {
      const page = await open({ query: 'lang=en&platform=wechat&scene=reset-after-consumed', width, height: 800 })
      await page.allow()
      const wide = await page.page.evaluate(() => {
        const over = [...document.querySelectorAll('body *')].filter((each) => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest('pre, .sr'))
        return [document.documentElement.scrollWidth - innerWidth, ...over.map((each) => each.className)]
      })
      assert.deepEqual(wide, [0])
      assert.equal(await page.page.locator('.peek').isVisible(), width <= 860)
      await page.end()
    })
  }

  test('language and theme are remembered, and the address says what is shown', async () => {
    const page = await open({ query: 'lang=zh&platform=douyin&scene=token-war' })
    await page.page.locator('#theme').click()
    assert.equal(await page.page.locator('html').getAttribute('data-theme'), 'dark')
    await page.page.locator('#other-language').click()
    await page.page.locator('h1').filter({ hasText: 'Tap the button' }).waitFor()
    assert.equal(await page.page.locator('html').getAttribute('data-theme'), 'dark')
    assert.match(page.page.url(), /platform=douyin.*scene=token-war/)
    await page.page.locator('.pick a', { hasText: 'Baidu' }).click()
    await page.page.waitForURL(/platform=baidu/)
    await page.page.goto(`${simulator.url}/phone/`)
    assert.equal(await page.page.locator('html').getAttribute('lang'), 'en')
    await page.end()
  })

  test('the code of a scene can be copied, for three tools', async () => {
    const page = await open({ query: 'lang=zh&platform=wechat&scene=token-war' })
    await page.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.ready()
    for (const [name, wanted] of [['curl', /curl .*token-war/], ['Python', /get_phone_number/], ['pytest', /def test_.*token-war/s]]) {
      await page.page.getByRole('tab', { name }).click()
      await page.page.getByRole('button', { name: '复制' }).click()
      await page.page.locator('.toast').filter({ hasText: '已复制' }).waitFor()
      assert.match(await page.page.evaluate(() => navigator.clipboard.readText()), wanted)
    }
    await page.end()
  })
})

describe("a folder of the developer's own", () => {
  let folder
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'haoma-page-'))
    for (const [platform, from, to] of [
      ['wechat', 'miniprogram_dist', 'miniprogram_npm/haoma-miniprogram'],
      ['alipay', 'es', 'node_modules/haoma-miniprogram/es'],
    ]) {
      await cp(`${root}/frontend/examples/native-${platform}`, `${folder}/${platform}`, { recursive: true })
      await cp(`${root}/frontend/native/${from}`, `${folder}/${platform}/${to}`, { recursive: true })
    }
    await mkdir(`${folder}/nothing`)
    await writeFile(`${folder}/nothing/readme.txt`, 'nothing')
    await mkdir(`${folder}/broken/pages`, { recursive: true })
    await writeFile(`${folder}/broken/app.json`, '{"pages": ["pages/a"]}')
    await writeFile(`${folder}/broken/pages/a.wxml`, '<view>here</view>')
    await writeFile(`${folder}/broken/pages/a.js`, 'throw new Error("<b>not today</b>")')
  })
  after(() => rm(folder, { recursive: true, force: true }))

  for (const platform of ['wechat', 'alipay']) {
    test(`${platform}: its own button is pressed in the frame`, async () => {
      const page = await open({ query: 'lang=zh&platform=baidu' })
      await page.page.locator('#folder').setInputFiles(`${folder}/${platform}`)
      const frame = page.page.frameLocator('#screen iframe')
      await page.page.locator('.pick a[aria-current]', { hasText: platform === 'wechat' ? '微信' : '支付宝' }).waitFor()
      await frame.locator('button[data-open-type]:not([disabled])').first().click()
      await page.page.locator('.sheet .allow').click()
      const { outcome, number } = await page.verdict()
      assert.equal(outcome, 'ok')
      await frame.locator('.number').filter({ hasText: number }).waitFor()
      await page.page.locator('#back').click()
      await page.ready()
      assert.equal(await page.page.locator('#screen iframe').count(), 0)
      await page.end()
    })
  }

  test('what is no mini program is refused in words', async () => {
    const page = await open({ query: 'lang=zh&platform=wechat' })
    await page.page.locator('#folder').setInputFiles(`${folder}/nothing`)
    await page.page.locator('.bad').filter({ hasText: '没有 app.json' }).waitFor()
    await page.page.locator('#folder').setInputFiles(folder)
    await page.page.locator('.bad').filter({ hasText: '几个小程序' }).waitFor()
    await page.page.locator('#folder').setInputFiles(`${folder}/broken`)
    await page.page.locator('.bad').filter({ hasText: '<b>not today</b>' }).waitFor()
    await page.end()
  })
})

test("a developer's own server: its answer is shown, and what it checked is unknown", async () => {
  const asked = []
  const server = createServer(async (request, answer) => {
    let body = ''
    for await (const piece of request) body += piece
    asked.push([request.method, request.url, JSON.parse(body)])
    answer.writeHead(200, { 'content-type': 'application/json' }).end('{"masked": "139****0001", "checks": []}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = await simulate('--service', `http://127.0.0.1:${server.address().port}/api/phone`)
  try {
    const page = await Page.open(chrome, own, { query: 'lang=zh&platform=wechat' })
    await page.page.locator('#choices').filter({ hasText: `你的服务器 http://127.0.0.1:${server.address().port}` }).waitFor()
    assert.deepEqual(await page.allow(), { outcome: 'ok', code: '200', number: '139****0001' })
    assert.equal(asked.length, 1)
    assert.deepEqual(asked[0].slice(0, 2), ['POST', '/api/phone'])
    assert.deepEqual(Object.keys(asked[0][2]), ['login_code', 'authorization'])
    assert.match(await page.page.locator('#checked').getAttribute('class'), /unk/)
    assert.deepEqual(await page.violations(), [])
    await page.end()
  } finally {
    await own.stop()
    server.close()
  }
})
