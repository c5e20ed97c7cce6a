// A mini-program host of a few functions, in a Node VM: it runs one emitted page of Taro and fires the events of its
// button, by the attributes that the emitted template binds and by no others. It draws nothing.

import fs from 'node:fs'
import path from 'node:path'
import vm from 'node:vm'

import { platforms } from './platforms.mjs'

/** What is JSON of an object, whose class may be that of another VM. */
export const plain = (found) => JSON.parse(JSON.stringify(found))

export class MiniProgram {
  /** Every request that the page made. */
  requests = []
  /** How often the page logged in, with each login's code. */
  logins = []
  /** What the page wrote to the console. */
  said = []
  #context
  #platform
  #templates
  #page

  /**
   * @param folder what `taro build` wrote
   * @param target its `--type`
   * @param answer what a server says to a request: `{status, body}`, or a promise of it
   * @param host functions of the platform's global object, instead of the usual ones
   * @param place the page
   */
  constructor(folder, target, answer, host = {}, place = 'pages/index/index') {
    this.#platform = platforms[target]
    this.#templates = readTemplates(fs.readFileSync(path.join(folder, 'base' + this.#platform.template), 'utf8'))
    let app, page
    const api = { ...this.#host(answer), ...host }
    this.#context = vm.createContext({
      console: { ...console, info: (...words) => this.said.push(words) }, setTimeout, clearTimeout, setInterval, clearInterval, navigator: { userAgent: '' },
      App: (options) => (app = options), Page: (options) => (page = { options }),
      Component: (options) => (page = { options, component: true }), Behavior: (options) => options,
      getApp: () => app, getCurrentPages: () => [this.#page],
    })
    const load = this.#loader(folder, api)
    load('app.js')
    app.onLaunch?.({ path: place, query: {} })
    load(place + '.js')
    this.#page = makePage(page, target, place)
    const { options } = page
    for (const name of ['onInit', 'created', 'attached', 'onLoad', 'didMount', 'ready', 'onShow', 'onReady']) {
      const handler = this.#page[name] ?? options.lifetimes?.[name] ?? options[name]
      handler?.call(this.#page, {})
    }
  }

  /** The button for the phone number as the platform sees it: each attribute with its value; undefined if there is none. */
  get button() {
    return this.#element('haoma-phone-button')?.attributes
  }

  /** All text on the page. */
  get text() {
    return [...walk(this.#page.data.root)].map((node) => node.v ?? '').join(' ')
  }

  /** True if an element of this class or kind is on the page. */
  has(name) {
    return this.#element(name) !== undefined
  }

  /** The user taps a button and allows or declines: the platform fires its event, if the template binds it. */
  async tap(consent, name = 'haoma-phone-button') {
    await this.fire(name, { ...this.#platform, ...this.#platform[consent] })
  }

  /** The platform fires an event of an element, unless it is a button that is disabled. */
  async fire(name, { event, attribute, detail }) {
    const { attributes, sid } = this.#element(name)
    if (attributes.disabled) return
    const handler = this.#page[attributes[attribute]]
    if (!handler) throw new Error(`the template binds no ${attribute}`)
    const target = { id: sid, dataset: { sid } }
    handler.call(this.#page, { type: event, timeStamp: Date.now(), detail, target, currentTarget: target })
    await this.settled()
  }

  /** Waits until the page has done what it can do at once. */
  async settled() {
    for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setTimeout(resolve, 4))
  }

  /** The page goes away. */
  close() {
    this.#page.onUnload?.call(this.#page)
    this.#page.detached?.call(this.#page)
  }

  #element(name) {
    const isNamed = (each) => classesOf(each).includes(name) || this.#templates.get(each.nn)?.tag === name
    const node = [...walk(this.#page.data.root)].find(isNamed)
    return node && { sid: node.sid, attributes: this.#templates.get(node.nn)?.of(node) }
  }

  #host(answer) {
    const system = { platform: 'devtools', SDKVersion: '3.60.0', version: '10.5.0', language: 'zh', pixelRatio: 2, windowWidth: 375, windowHeight: 667 }
    const launch = () => ({ path: 'pages/index/index', query: {} })
    const ignore = () => {}
    const { name, login } = this.#platform
    return {
      getSystemInfoSync: () => system, getAppBaseInfo: () => system, getWindowInfo: () => system, getDeviceInfo: () => system,
      getLaunchOptionsSync: launch, getEnterOptionsSync: launch, canIUse: () => true, nextTick: (done) => setTimeout(done),
      onAppShow: ignore, onAppHide: ignore, onError: ignore, onUnhandledRejection: ignore, getUpdateManager: () => ({}),
      getStorageSync: ignore, setStorageSync: ignore,
      [login]: ({ success }) => {
        const code = `LOGIN-${this.logins.length + 1}`
        this.logins.push(code)
        setTimeout(() => success(name === 'my' ? { authCode: code } : { code }))
      },
      request: ({ url, method, data, header, headers, success, fail, complete }) => {
        this.requests.push({ url, method, body: plain(typeof data === 'string' ? JSON.parse(data) : data), headers: header ?? headers })
        const answered = ({ status, body }) => {
          const given = { data: name === 'my' ? JSON.stringify(body) : body, status, statusCode: status, header: {}, headers: {} }
          // Alipay calls `fail` for a status from 400.
          if (name === 'my' && status >= 400) fail({ error: 19, ...given })
          else success(given)
        }
        Promise.resolve(answer(this.requests.at(-1)))
          .then(answered, (error) => fail({ errMsg: String(error) }))
          .then(() => complete?.({}))
        return { abort: ignore }
      },
    }
  }

  // The global object of the platform is a parameter and no property of the global object, as in WeChat.
  #loader(folder, api) {
    const loaded = new Map()
    const load = (file) => {
      const full = path.join(folder, file)
      if (!loaded.has(full)) {
        const module = { exports: {} }
        loaded.set(full, module)
        const source = `(function (require, module, exports, ${this.#platform.name}) {${fs.readFileSync(full, 'utf8')}\n})`
        const near = (name) => load(path.join(path.dirname(file), name.endsWith('.js') ? name : name + '.js'))
        vm.runInContext(source, this.#context, { filename: full })(near, module, module.exports, api)
      }
      return loaded.get(full).exports
    }
    return load
  }
}

function* walk(node) {
  yield node
  for (const each of node?.cn ?? []) yield* walk(each)
}

const classesOf = (node) => String(node?.cl ?? '').split(' ')

/** The element that Taro's templates make of each kind of node, and its attributes. */
function readTemplates(text) {
  const found = new Map()
  for (const [, kind, tag, attributes] of text.matchAll(/<template name="tmpl_0_([\w-]+)">\s*<([\w-]+)\s([^>]*)>/g)) {
    const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)].map((each) => each.slice(1))
    // A field has a template for each of its states.
    found.set(kind.replace(/_blur$/, ''), { tag, of: (node) => Object.fromEntries(pairs.map(([key, value]) => [key, valueOf(value, node)])) })
  }
  return found
}

/** The value of `{{i.p3}}` or of an expression like `{{xs.b(i.p9,!1)}}` for a node; other text stays. */
function valueOf(text, node) {
  const expression = text.match(/^\{\{(.*)\}\}$/)?.[1]
  if (expression === undefined) return text
  const field = expression.match(/\bi\.(\w+)/)?.[1]
  return field && node[field]
}

/** One page. Its data are set path by path, as the platforms do it. */
function makePage({ options, component }, target, route) {
  const methods = component ? options.methods ?? {} : options
  const data = typeof options.data === 'function' ? options.data() : options.data ?? {}
  const page = Object.assign(Object.create(null), methods, { data: structuredClone(data), route, is: route, props: {}, options: {} })
  page.setData = (changes, done) => {
    for (const [where, value] of Object.entries(changes)) {
      const keys = where.split(/[.[\]]+/).filter(Boolean)
      const last = keys.pop()
      let at = page.data
      for (const key of keys) at = at[key] ??= {}
      at[last] = value
    }
    setTimeout(() => done?.call(page))
  }
  page.$spliceData = page.setData
  page.selectComponent = () => null
  page.triggerEvent = () => {}
  if (target === 'swan') page.methods = methods
  return page
}
