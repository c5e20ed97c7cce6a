/** A developer's own folder, picked in Chromium and run in the sandboxed frame, with the simulator's files and policies. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile, mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { files } from 'haoma-browser-host/tools'
import { launch, simulator } from '../e2e/world.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const built = path.join(here, '../../../src/haoma/simulator/phone/static/host')
const TYPES = { html: 'text/html', js: 'text/javascript', css: 'text/css', wasm: 'application/wasm', txt: 'text/plain' }

const MAIN = `import { open, pick } from './host/host.js'
const config = { server: 'https://shop.example', app: 'shop', key: 'key' }
window.happened = { sent: [], taps: [], errors: [], warnings: [], titles: [] }
window.answer = true
const api = {
  login: async () => ({ code: 'login' }),
  tap: async ({ allow }) => (happened.taps.push(allow), { event: allow ? window.event : { type: 'error', errMsg: 'getPhoneNumber:fail user deny', detail: { errorMessage: '用户取消授权' } } }),
  send: async (request) => (happened.sent.push(request), await new Promise((resolve) => setTimeout(resolve, 100)), { status: 200, headers: {}, body: '{"masked":"138****8888"}' }),
}
document.querySelector('input').onchange = async ({ target }) => {
  try {
    window.picked = await pick(target.files)
    window.event = picked.platform === 'alipay' ? { response: 'x' } : { errMsg: 'getPhoneNumber:ok', code: 'phone' }
    window.opened = await open(document.getElementById('place'), picked, {
      api, config, sheet: async () => answer, onStarted: () => { happened.started = true },
      onTitle: (text) => happened.titles.push(text), onError: (text) => happened.errors.push(text), onWarning: (text) => happened.warnings.push(text),
    })
  } catch (error) { happened.fault = error.fault ?? String(error) }
}
`
const TEXTS = {
  '/': [
    'html',
    '<!doctype html><link rel="stylesheet" href="main.css"><input type="file" webkitdirectory><div id="place"></div><script type="module" src="main.js"></script>',
  ],
  '/main.css': ['css', 'iframe { width: 375px; height: 600px; border: 0 }'],
  '/main.js': ['js', MAIN],
  '/host/frame-other.html': ['html', '<!doctype html><script src="frame-other.js"></script>'],
  '/host/frame-other.js': [
    'js',
    'addEventListener("message", () => parent.postMessage("got something", "*")); setInterval(() => parent.postMessage("haoma-frame", "*"), 10)',
  ],
  '/bare.html': ['html', '<!doctype html><script src="bare.js"></script><iframe src="host/frame.html?bare"></iframe>'],
  '/bare.js': ['js', 'window.greetings = []; addEventListener("message", (event) => greetings.push(event.data))'],
}

let browser, server, url
before(async () => {
  const real = await simulator()
  const policy = async (name) => (await fetch(real.url + name)).headers.get('content-security-policy')
  const [page, frame] = await Promise.all([policy('/phone/'), policy('/phone/static/host/frame.html')])
  await real.close()
  server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url, 'http://host')
    const name = pathname.replace('/host/', '')
    const [type, text] = TEXTS[pathname] ?? [
      name.split('.').at(-1),
      await readFile(path.join(built, path.basename(name))).catch(() => ''),
    ]
    response.setHeader('content-type', `${TYPES[type] ?? 'text/plain'}; charset=utf-8`)
    response.setHeader('x-content-type-options', 'nosniff')
    if (search !== '?bare') response.setHeader('content-security-policy', name.startsWith('frame') ? frame : page)
    response.end(text)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${server.address().port}`
  browser = await launch()
})
after(async () => {
  await browser?.close()
  server?.closeAllConnections()
  server?.close()
})

/** Opens the page, picks a folder, and returns the page and what is inside its frame. */
async function pickFolder(t, folder) {
  const page = await browser.newPage()
  t.after(() => page.close())
  const errors = []
  page.on('pageerror', (error) => errors.push(String(error)))
  await page.goto(url)
  await page.setInputFiles('input', folder)
  await page.waitForFunction(() => happened.started || happened.fault || happened.errors.length)
  const happened = () => page.evaluate(() => happened)
  return { page, errors, happened, inside: page.frameLocator('iframe') }
}

/** Writes files into a folder that is removed after the test. */
async function written(t, content) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'haoma-folder-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(content)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true })
    await writeFile(path.join(folder, name), text)
  }
  return folder
}

for (const platform of ['wechat', 'alipay']) {
  test(`${platform}: a picked folder runs, is tapped, and asks through the page`, async (t) => {
    const { page, errors, happened, inside } = await pickFolder(t, path.join(here, platform))
    const said = inside.locator('[id$="--said"]')
    await inside.locator('[id$="--ask"]').click()
    await said.filter({ hasText: '200 138****8888' }).waitFor()
    await page.evaluate(() => {
      answer = false
    })
    await inside.locator('[id$="--ask"]').click()
    await said.filter({ hasText: platform === 'wechat' ? 'user deny' : '取消授权' }).waitFor()
    const { sent, taps, errors: failures, titles } = await happened()
    assert.deepEqual(taps, [true, false])
    assert.equal(sent.length, 1)
    assert.equal(sent[0].path, '/v1/apps/shop/phone-number')
    assert.equal(sent[0].headers.authorization, 'Bearer key')
    assert.deepEqual(titles, ['Shop'])
    assert.deepEqual([...failures, ...errors], [])
    const style = (selector, name) =>
      inside
        .locator(selector)
        .first()
        .evaluate((element, name) => getComputedStyle(element)[name], name)
    assert.equal(await style('page', 'backgroundColor'), 'rgb(238, 238, 238)')
    if (platform === 'wechat') {
      const all = [
        ['.title', 'fontSize'],
        ['.title', 'color'],
        ['card', 'margin'],
        ['[class$="--box"]', 'borderTopColor'],
        ['[id$="--amount"]', 'letterSpacing'],
      ]
      assert.deepEqual(await Promise.all(all.map(([selector, name]) => style(selector, name))), [
        '20px',
        'rgb(1, 2, 3)',
        '10px',
        'rgb(4, 5, 6)',
        '1px',
      ])
    }
  })
}

test('what runs in the frame reaches neither the page, nor the network, nor a storage', async (t) => {
  const folder = await written(t, {
    'app.json': '{"pages": ["a"]}',
    'a.wxml': '<view id="said">{{said}}</view>',
    'a.js': `Page({ data: { said: '' }, async onLoad() {
      const tried = async (name, work) => { try { await work(); return name + ' worked' } catch (error) { return name + ' ' + error.name } }
      const popup = window.open('about:blank')
      this.setData({ said: [
        await tried('page', () => parent.document.body), await tried('top', () => { top.location.href = 'about:blank' }),
        await tried('fetch', () => fetch('/host/host.js')), await tried('storage', () => localStorage.length),
        await tried('cookie', () => document.cookie), await tried('worker', () => new Worker('/host/host.js')),
        'origin ' + origin, 'popup ' + popup ].join('; ') }) } })`,
  })
  const { inside } = await pickFolder(t, folder)
  const said = inside.locator('[id$="--said"]')
  await said.filter({ hasText: 'popup' }).waitFor()
  assert.equal(
    await said.textContent(),
    'page SecurityError; top SecurityError; fetch TypeError; storage SecurityError; cookie SecurityError; worker SecurityError; origin null; popup null',
  )
})

test('many requests at once wait for each other, and endless ones are refused', async (t) => {
  const folder = await written(t, {
    'app.json': '{"pages": ["a"]}',
    'a.wxml': '<view id="said">{{said}}</view>',
    'a.js': `Page({ data: { said: '' }, async onLoad() {
      const ask = () => new Promise((resolve) => wx.request({ url: 'https://a.example/v1', success: () => resolve('ok'), fail: ({ errMsg }) => resolve(errMsg) }))
      const said = await Promise.all(Array.from({ length: 150 }, ask))
      this.setData({ said: JSON.stringify(Object.fromEntries([...new Set(said)].map((one) => [one, said.filter((each) => each === one).length]))) }) } })`,
  })
  const { inside, happened } = await pickFolder(t, folder)
  const said = inside.locator('[id$="--said"]')
  await said.filter({ hasText: 'ok' }).waitFor()
  const { ok, 'request:fail too many at once': refused } = JSON.parse(await said.textContent())
  assert.equal(ok + refused, 150)
  assert.ok(ok >= 110 && refused > 0, `${ok} and ${refused}`)
  assert.equal((await happened()).sent.length, ok)
})

test('the frame runs nothing outside a sandbox, and greets nobody there', async (t) => {
  const page = await browser.newPage()
  t.after(() => page.close())
  await page.goto(`${url}/bare.html`)
  await page.frameLocator('iframe').locator('#screen').waitFor({ state: 'attached' })
  await page.evaluate(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => greetings.push(data)
    frames[0].postMessage({ platform: 'wechat', files: {}, compiler: new ArrayBuffer(0) }, '*', [port2])
  })
  await page.waitForTimeout(300)
  assert.deepEqual(await page.evaluate(() => greetings), [])
})

test("another window's greeting gets no files", async (t) => {
  const page = await browser.newPage()
  t.after(() => page.close())
  await page.goto(url)
  await page.evaluate(() => {
    window.heard = []
    addEventListener('message', ({ data }) => heard.push(data))
    const other = document.createElement('iframe')
    other.setAttribute('sandbox', 'allow-scripts')
    other.src = 'host/frame-other.html'
    document.body.append(other)
  })
  await page.waitForFunction(() => heard.includes('haoma-frame'))
  await page.setInputFiles('input', path.join(here, 'wechat'))
  await page.waitForFunction(() => happened.started)
  const greeted = await page.evaluate(() => heard.length)
  await page.waitForFunction((before) => heard.length > before, greeted)
  assert.deepEqual([...new Set(await page.evaluate(() => heard))], ['haoma-frame'])
})

test('a script that fails, and a folder that is none, say so', async (t) => {
  const broken = await written(t, {
    'app.json': '{"pages": ["a"]}',
    'a.wxml': '<view/>',
    'a.js': "throw new Error('mine')",
  })
  const { happened } = await pickFolder(t, broken)
  assert.match((await happened()).errors[0], /mine[\s\S]*a\.js/)
  for (const [content, fault] of [
    [{ 'readme.txt': 'x' }, 'no-app'],
    [{ 'app.json': '{"pages": ["a"]}', 'a.swan': '' }, 'other-platform'],
    [{ 'dist/weapp/app.json': '{}', 'dist/alipay/app.json': '{}' }, 'several'],
    [{ 'app.json': '{}', 'a.wxml': '', 'big.js': 'x'.repeat(9 * 1024 * 1024) }, 'too-large'],
  ]) {
    const { happened: told } = await pickFolder(t, await written(t, content))
    assert.equal((await told()).fault, fault)
  }
})

test('a project is searched for the folder that has the mini program', async (t) => {
  const content = Object.fromEntries(
    Object.entries(await files(path.join(here, 'wechat'))).map(([name, text]) => [`dist/weapp/${name}`, text]),
  )
  const folder = await written(t, { ...content, 'package.json': '{}', 'node_modules/other/app.json': '{}' })
  const { page, inside } = await pickFolder(t, folder)
  await inside.locator('[id$="--ask"]').waitFor()
  assert.equal(await page.evaluate(() => picked.name), 'weapp')
  assert.equal(
    await page.evaluate(() => Object.keys(picked.files).some((name) => name.includes('node_modules'))),
    false,
  )
})
