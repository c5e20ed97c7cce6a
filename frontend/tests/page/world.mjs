/** The real `haoma simulate` and a real browser in front of its page. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const root = fileURLToPath(new URL('../../..', import.meta.url))
const python = process.env.HAOMA_PYTHON ?? path.join(root, '.venv/bin/python')
const executablePath = process.env.HAOMA_CHROMIUM ?? '/usr/bin/chromium'
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8')
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--lang=zh-CN']

/** Starts the simulator. `arguments_` are added to its command line. */
export async function simulate(...arguments_) {
  const port = await freePort()
  const child = spawn(python, ['-m', 'haoma', 'simulate', '--listen', `127.0.0.1:${port}`, ...arguments_], {
    env: { ...process.env, PYTHONPATH: path.join(root, 'src'), PYTHONUNBUFFERED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.on('error', (error) => (said = String(error)))
  child.stdout.on('data', (piece) => (said += piece))
  child.stderr.on('data', (piece) => (said += piece))
  const url = `http://127.0.0.1:${port}`
  for (let waited = 0; ; waited += 100) {
    if (child.exitCode !== null || child.pid === undefined || waited > 180_000) throw new Error(`the simulator did not start: ${said}`)
    if (await fetch(`${url}/device/scenes`).then((answer) => answer.ok, () => false)) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    url,
    async stop() {
      if (child.exitCode !== null) return
      child.kill('SIGINT')
      await Promise.race([once(child, 'exit'), new Promise((resolve) => setTimeout(resolve, 20_000))])
      if (child.exitCode === null) child.kill('SIGKILL')
    },
  }
}

export const browser = () => chromium.launch({ executablePath, args })

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

/** A page, with what a developer would see in its console, and every host that it asked. */
export class Page {
  static async open(of, simulator, { query = '', width = 1440, height = 900, scheme = 'light', reduced = true, ...more } = {}) {
    const context = await of.newContext({ viewport: { width, height }, colorScheme: scheme, locale: 'zh-CN', reducedMotion: reduced ? 'reduce' : 'no-preference', ...more })
    const made = new Page()
    const page = await context.newPage()
    Object.assign(made, { page, context, simulator, faults: [], hosts: new Set() })
    page.on('pageerror', (error) => made.faults.push(String(error)))
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && made.faults.push(message.text()))
    page.on('request', (request) => made.hosts.add(new URL(request.url()).host))
    await page.goto(`${simulator.url}/phone/?${query}`)
    return made
  }

  /** The button on the phone: the component's, or the drawn one. */
  get button() {
    return this.page.locator('#screen .haoma-phone-button').first()
  }

  async tap() {
    await this.ready()
    await this.button.click()
    await this.page.locator('.sheet').waitFor()
  }

  /** Waits until the component has logged in. */
  async ready() {
    await this.page.locator('#screen .haoma-phone-button:not([disabled])').first().waitFor()
  }

  async allow() {
    await this.tap()
    await this.page.locator('.sheet .allow').click()
    return this.verdict()
  }

  async deny() {
    await this.tap()
    await this.page.locator('.sheet .deny').click()
    return this.verdict()
  }

  /** How it ended: `{outcome, code, masked}`. */
  async verdict() {
    const came = this.page.locator('#came:not(.idle, .now)')
    await came.waitFor({ timeout: 60_000 })
    return came.evaluate((stop) => ({
      outcome: stop.className.split(' ')[1],
      code: stop.querySelector('.outcome .code')?.textContent ?? '',
      number: [...(stop.querySelector('.num.big')?.childNodes ?? [])].map((each) => (each.nodeName === 'I' ? '*'.repeat(each.children.length) : each.nodeType === 3 ? each.textContent : '')).join(''),
    }))
  }

  async choose(scene) {
    await this.page.locator('#find').fill(scene)
    await this.page.locator(`.scenes a[href*="scene=${encodeURIComponent(scene)}&"], .scenes a[href$="scene=${encodeURIComponent(scene)}"]`).first().click()
  }

  /** Violations of accessibility rules, in words. */
  async violations() {
    await this.page.evaluate(axe)
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
    return violations.map((each) => `${each.id}: ${each.help} — ${each.nodes.slice(0, 3).map((node) => node.target.flat().join(' ')).join(' | ')}`)
  }

  /** Ends it: nothing was thrown, nothing was refused by the policy, nothing was fetched from elsewhere. */
  async end() {
    await this.context.close()
    assert.deepEqual(this.faults, [])
    assert.deepEqual([...this.hosts], [new URL(this.simulator.url).host])
  }
}
