// WeChat's component engine of old (j-component, exparser) in jsdom, as `miniprogram-simulate` brings it. Its templates are
// compiled by WeChat's own `wcc`. `wx` is the simulation's, with a login and a server of ours.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { JSDOM } from 'jsdom'

const { window } = new JSDOM('<!doctype html><body></body>', { url: 'https://localhost/' })
for (const name of ['document', 'HTMLElement', 'Node', 'Element', 'Event', 'CustomEvent', 'getComputedStyle', 'navigator']) {
  Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true })
}
globalThis.window = window

export const simulate = createRequire(import.meta.url)('miniprogram-simulate')
export const PACKAGE = fileURLToPath(new URL('../../native/miniprogram_dist', import.meta.url))

const button = simulate.load(`${PACKAGE}/haoma-phone-button/index`, 'haoma-phone-button', { compiler: 'official' })

/** A page with the button in it. `data` is the page's; `given` changes what `wx` does. */
export function open(attributes = '', { inside = '', data = {}, wx: given = {}, page = {} } = {}) {
  const said = { logins: 0, requests: [], events: [] }
  // A mini program of its own: what one has kept, such as a login, is not that of the next.
  globalThis.wx = Object.assign({}, globalThis.wx, {
    getAppBaseInfo: () => ({ SDKVersion: '3.8.0' }),
    login: ({ success }) => success({ code: `login-${++said.logins}`, errMsg: 'login:ok' }),
    request: (asked) => {
      said.requests.push({ ...asked, body: JSON.parse(asked.data) })
      asked.success({ statusCode: 200, data: { masked: '138****5544' }, header: {} })
    },
    ...given,
  })
  const id = simulate.load({
    usingComponents: { 'haoma-phone-button': button },
    template: `<haoma-phone-button id="it" app="shop" server="https://phone.example.com" ${attributes}
      bind:success="told" bind:fail="told" bind:agree="told" bind:typed="told">${inside}</haoma-phone-button>`,
    data,
    methods: { told: (event) => said.events.push([event.type, event.detail]) },
    ...page,
  })
  const shown = simulate.render(id)
  const parent = document.createElement('div')
  document.body.appendChild(parent)
  shown.attach(parent)
  const it = shown.querySelector('#it')
  return {
    said,
    shown,
    it,
    data: () => it.instance.data,
    one: (name) => it.querySelector(`.haoma-phone-${name}`),
    text: () => shown.dom.textContent,
    /** Lets the page do what it has begun. */
    settle: () => simulate.sleep(20),
    close: () => shown.detach(),
  }
}
