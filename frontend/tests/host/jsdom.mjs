/** Runs a compiled folder in jsdom, with an API that a test gives. */

import { JSDOM } from 'jsdom'
import { bundle, compile } from 'haoma-browser-host/tools'

let host

export async function run(content, { api, allow = true, page, system, config } = {}) {
  host ??= bundle('src/index.ts', {
    format: 'iife',
    globalName: 'host',
    logOverride: { 'empty-import-meta': 'silent' },
  })
  const { platform, warnings, module } = await compile(content)
  const dom = new JSDOM('<!doctype html><div id="phone"></div>', {
    runScripts: 'outside-only',
    pretendToBeVisual: true,
    url: 'http://localhost/',
  })
  const { window } = dom
  window.queueMicrotask = queueMicrotask
  window.structuredClone = structuredClone
  window.URL.canParse = URL.canParse
  const asked = []
  const sent = []
  const errors = []
  window.given = {
    platform,
    page,
    system,
    config,
    sheet: async (request) => (asked.push({ ...request }), allow),
    api: {
      ...api,
      send: async (request) => (sent.push({ ...request, headers: { ...request.headers } }), api.send(request)),
    },
    onTitle: (title) => (window.document.title = title),
    onError: (error) => errors.push(error),
  }
  window.eval(`${await host}\nwindow.host = host`)
  window.eval(module.replace('export default', 'window.folder ='))
  const mounted = window.eval('host.mount(document.getElementById("phone"), {...given, folder})')
  const settled = () => new Promise((resolve) => setTimeout(resolve, 30))
  const find = (selector) => mounted.root.querySelector(selector)
  const tap = async (selector) => {
    find(selector).click()
    await settled()
  }
  /** Waits for an element. */
  const until = async (selector) => {
    for (let turn = 0; turn < 500; turn += 1) {
      if (find(selector)) return find(selector)
      await settled()
    }
    throw new Error(`no ${selector} in ${mounted.root.innerHTML}`)
  }
  const read = (selector) => find(selector).textContent
  await settled()
  return {
    window,
    mounted,
    find,
    until,
    tap,
    read,
    settled,
    asked,
    sent,
    errors,
    warnings,
    close: () => window.close(),
  }
}
