/** The real service and the real simulator, and a real browser in front of them. See README.md. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle, compile, files } from 'haoma-browser-host/tools'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const python = process.env.HAOMA_PYTHON ?? path.join(root, '.venv/bin/python')
const browser = process.env.HAOMA_CHROMIUM ?? '/usr/bin/chromium'
const environment = { ...process.env, PYTHONPATH: path.join(root, 'src'), PYTHONUNBUFFERED: '1' }
const patience = 60_000
let host

/** The publishable key of every world; a folder may be built with it before the world begins. */
export const KEY = 'haoma_front_end_tests_publishable_key_0123456789'
/** What folders call their server. The host sends all of it to the real service. */
export const SERVER = 'https://phone.example.com'
/** The simulator's apps, and the names that they get in haoma.toml: those in the examples. */
export const APPS = { wechat: 'shop-wechat', alipay: 'shop' }

/** Starts the system's Chromium. */
export async function launch() {
  const { chromium } = await import('playwright-core')
  return chromium.launch({ executablePath: browser, args: QUIET })
}

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the simulator alone. */
export async function simulator() {
  const url = `http://127.0.0.1:${await freePort()}`
  const close = await running(['simulate', '--listen', url.slice(7), '--service', 'http://127.0.0.1:9'])
  await answers(`${url}/device/scenes`)
  return { url, close }
}

/** Starts both. `accounts` keeps accounts; `sms` names who sends text messages; `apps` replaces names of APPS. */
export async function world({ accounts = false, sms = '', apps = {} } = {}) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'haoma-front-end-'))
  const ends = [() => rm(folder, { recursive: true, force: true })]
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const simulator = `http://127.0.0.1:${await freePort()}`
    const service = `http://127.0.0.1:${await freePort()}`
    ends.push(await running(['simulate', '--listen', simulator.slice(7), '--service', service]))
    const [tables] = await Promise.all([accounts ? accountSettings() : '', answers(`${simulator}/device/scenes`)])
    const given = await (await fetch(`${simulator}/haoma.toml?listen=${service.slice(7)}&sms=${sms}`)).text()
    const config = path.join(folder, 'haoma.toml')
    await writeFile(config, settings(given, { ...APPS, ...apps }) + tables)
    if (accounts) await done(['db', 'upgrade', '--config', config])
    ends.push(await running(['serve', '--config', config]))
    await answers(`${service}/readyz`)
    const key = /server_keys = \["([^"]+)"/.exec(given)[1]
    const made = new World({ simulator, service, key, ends })
    made.close = close
    return made
  } catch (error) {
    await close()
    throw error
  }
}

class World {
  #ends
  #browser

  constructor({ simulator, service, key, ends }) {
    Object.assign(this, { simulator, service, key })
    this.#ends = ends
  }

  /** The platform in one scene, in one user's hand: what `mount` takes as `api`, with all that happened in it. */
  phone(platform, { scene = 'ok', user = randomUUID() } = {}) {
    let tap
    const phone = { logins: 0, taps: [], sent: [], answers: [] }
    const play = (allow) =>
      json(`${this.simulator}/device/${platform}/tap`, { scene, user, allow, service: this.service })
    phone.api = {
      login: async () => {
        phone.logins += 1
        tap = await play(true)
        return { code: tap.login_code }
      },
      tap: async ({ allow }) => {
        const played = allow ? (tap ?? (await play(true))) : await play(false)
        if (allow) tap = undefined // who declines may tap again, with the same login
        phone.taps.push(played)
        return { event: played.event }
      },
      send: async ({ method, path: target, headers, body }) => {
        assert.match(target, /^\/v1\//)
        phone.sent.push({ method, path: target, headers, body: parsed(body) })
        const answer = await fetch(this.service + target, { method, headers, body: body || undefined })
        const received = {
          status: answer.status,
          headers: Object.fromEntries(answer.headers),
          body: await answer.text(),
        }
        phone.answers.push({ status: received.status, body: parsed(received.body) })
        return received
      },
    }
    return phone
  }

  /** Asks the service as a back end does, with its server key. */
  async ask(target, body) {
    return json(this.service + target, body, { authorization: `Bearer ${this.key}` })
  }

  /**
   * Opens a mini program in Chromium: a folder, or `{path: text}`. Returns Playwright's page, with the phone and
   * `allow()` and `deny()` for the sheet. `config` is what `getExtConfigSync` gives, `system` replaces parts of the
   * system's information, `without` names functions that `wx` or `my` lacks. `strict` forbids eval.
   */
  async open(folder, { scene, user, page: place, config, system, without, strict = true } = {}) {
    const content = typeof folder === 'string' ? await files(folder) : folder
    const { platform, module } = await compile(content)
    const phone = this.phone(platform, { scene, user })
    const site = await serve(module, phone, { page: place, config, system, without }, strict)
    this.#ends.push(site.close)
    const context = await (await this.#chromium()).newContext({ viewport: { width: 375, height: 667 } })
    const page = await context.newPage()
    const errors = []
    page.on('pageerror', (error) => errors.push(String(error.stack ?? error)))
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    await page.goto(site.url)
    return Object.assign(page, {
      phone,
      errors,
      allow: () => page.click('[role=dialog] [data-answer=allow]'),
      deny: () => page.click('[role=dialog] [data-answer=deny]'),
      until,
      end: () => context.close(),
    })
  }

  async #chromium() {
    if (!this.#browser) {
      this.#browser = await launch()
      this.#ends.push(() => this.#browser.close())
    }
    return this.#browser
  }
}

/** Waits until a function returns something that is true and not empty, and returns it. */
async function until(find) {
  const deadline = Date.now() + 30_000
  for (;;) {
    const found = await find()
    if (found && found.length !== 0) return found
    assert.ok(Date.now() < deadline, `in vain: ${find}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A site of one page: the host, the compiled folder, and the way to the phone. Its CSP is the simulator's. */
async function serve(module, phone, options, strict) {
  host ??= bundle('src/index.ts')
  const main = `import { mount } from './host.js'
import folder from './folder.js'
const call = async (name, body = {}) => {
  const answer = await fetch(name, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(await answer.text())
  return answer.json()
}
const dialog = document.querySelector('[role=dialog]')
const sheet = () => new Promise((resolve) => {
  dialog.hidden = false
  for (const button of dialog.querySelectorAll('button')) button.onclick = () => {
    dialog.hidden = true
    resolve(button.dataset.answer === 'allow')
  }
})
const api = { login: () => call('login'), tap: (answer) => call('tap', answer), send: (request) => call('send', request) }
window.mounted = mount(document.getElementById('phone'), {
  ...${JSON.stringify(options)}, folder, sheet, api, onTitle: (title) => { document.title = title },
})
`
  const html = `<!doctype html><html lang="zh"><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="main.css">
<div id="phone"></div>
<div role="dialog" aria-label="sheet" hidden><button data-answer="deny">拒绝</button><button data-answer="allow">允许</button></div>
<script type="module" src="main.js"></script></html>`
  const css =
    'body { margin: 0 } #phone { block-size: 100vh } [role=dialog] { position: fixed; inset: auto 0 0; background: #fff; padding: 20px }'
  const texts = {
    '/': ['text/html', html],
    '/main.css': ['text/css', css],
    '/main.js': ['text/javascript', main],
    '/host.js': ['text/javascript', await host],
    '/folder.js': ['text/javascript', module],
  }
  const policy = `default-src 'none'; script-src 'self'${strict ? '' : " 'unsafe-eval'"}; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'`
  const server = createServer(async (request, response) => {
    const name = request.url.slice(1)
    try {
      if (request.method === 'POST' && Object.hasOwn(phone.api, name)) {
        const body = JSON.parse(await text(request))
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify(await phone.api[name](body)))
        return
      }
      const [type, content] = texts[request.url] ?? ['text/plain', undefined]
      if (content === undefined) response.statusCode = 404
      response.setHeader('content-type', `${type}; charset=utf-8`)
      response.setHeader('content-security-policy', policy)
      response.end(content ?? 'nothing here')
    } catch (error) {
      response.statusCode = 502
      response.end(String(error))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function text(request) {
  let all = ''
  for await (const piece of request.setEncoding('utf8')) all += piece
  return all
}

async function json(url, body, headers = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const found = await answer.json()
  if (!answer.ok) throw new Error(`${answer.status} of ${url}: ${JSON.stringify(found)}`)
  return found
}

function parsed(body) {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

/** Adds the key of the tests, and gives the simulator's apps the names that the examples use. */
function settings(given, apps) {
  let text = given.replace('publishable_keys = [', `publishable_keys = ["${KEY}", `)
  for (const [own, name] of Object.entries(apps)) {
    assert.ok(text.includes(`[apps.${own}]`), `the simulator has no app ${own}`)
    text = text.replace(`[apps.${own}]`, `[apps.${name}]`)
  }
  return text
}

async function accountSettings() {
  const [store, accounts] = await Promise.all([done(['key', '--store']), done(['key', '--accounts'])])
  return `\n[store]\ndatabase_url = "sqlite:///haoma.db"\n${printed(store)}\n\n${printed(accounts)}\n`
}

/** `haoma key` prints what stands in haoma.toml, after the name of the file. */
const printed = (text) => text.replace(/^haoma\.toml\s+/, '').replace(/^ +/gm, '')

async function done(args) {
  const child = spawn(python, ['-m', 'haoma', ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', (piece) => (out += piece))
  child.stderr.on('data', (piece) => (err += piece))
  const [code] = await once(child, 'close')
  assert.equal(code, 0, `haoma ${args.join(' ')}: ${err}`)
  return out
}

/** Starts a command that runs until it is told to stop; returns what stops it. */
async function running(args) {
  const child = spawn(python, ['-m', 'haoma', ...args], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
  let err = ''
  child.stderr.on('data', (piece) => (err = (err + piece).slice(-4000)))
  const closed = once(child, 'close')
  await Promise.race([once(child, 'spawn'), closed])
  // A test that fails halfway ends all the same, and leaves nothing behind.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.unref()
  child.stderr.unref()
  return async () => {
    if (child.exitCode !== null) assert.fail(`haoma ${args[0]} has died: ${err}`)
    child.ref()
    child.kill('SIGINT')
    const late = setTimeout(kill, patience)
    await closed
    clearTimeout(late)
    process.removeListener('exit', kill)
  }
}

async function answers(url) {
  const deadline = Date.now() + patience
  while (Date.now() < deadline) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(`nothing answers at ${url}`)
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
