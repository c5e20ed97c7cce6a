/**
 * A fake mini-program client for emitted folders of every platform: it runs the emitted JavaScript in a VM, draws the
 * emitted markup as a tree, and fires events at the exact attribute that the platform listens to.
 */

import fs from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import vm from 'node:vm'

import { evaluate, parse } from './markup.mjs'

const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())

/**
 * @param root the emitted folder
 * @param target a row of `targets.mjs`
 * @param api what the platform offers: login, request and the like; it is added to what every page needs
 */
export function createHost(root, target, api) {
  const { ext, prefix, namespace } = target
  const pages = []
  const errors = []
  const shows = new Set()
  let defined
  let app

  // The clock of the client can be moved; its timers then ring as if the time had passed.
  let moved = 0
  const timers = new Map()
  const now = () => Date.now() + moved
  class Clock extends Date {
    constructor(...given) {
      super(...(given.length ? given : [now()]))
    }
    static now() {
      return now()
    }
  }
  function later(run, wait = 0, ...given) {
    const ring = () => {
      never(timer)
      run(...given)
    }
    const timer = setTimeout(ring, wait).unref()
    timers.set(timer, { at: now() + wait, ring })
    return timer
  }
  function every(run, wait = 0, ...given) {
    const timer = setInterval(run, wait, ...given).unref()
    timers.set(timer, { at: now() + wait, ring: () => run(...given) })
    return timer
  }
  function never(timer) {
    clearTimeout(timer)
    timers.delete(timer)
  }

  const client = {
    getSystemInfoSync: () => ({ SDKVersion: '3.99.0', version: '10.9.0', language: 'zh', platform: 'devtools', app: '' }),
    getAppBaseInfo: () => ({ SDKVersion: '3.99.0', language: 'zh' }),
    getDeviceInfo: () => ({}),
    getWindowInfo: () => ({ pixelRatio: 2, windowWidth: 375, windowHeight: 667 }),
    getAccountInfoSync: () => ({ miniProgram: { appId: 'app' } }),
    getLaunchOptionsSync: () => ({ path: '', query: {} }),
    getEnterOptionsSync: () => ({ path: '', query: {} }),
    getStorageSync: () => '',
    setStorageSync() {},
    canIUse: () => true,
    onAppShow: (run) => shows.add(run),
    offAppShow: (run) => shows.delete(run),
    onAppHide() {},
    onError() {},
    onUnhandledRejection() {},
    ...api,
  }
  // Not `timers/promises` or the like: a page has these and no more.
  const globals = {
    console: { ...console, error: (...what) => errors.push(what), warn: (...what) => errors.push(what) },
    setTimeout: later, clearTimeout: never, setInterval: every, clearInterval: never, Date: Clock,
    navigator: { userAgent: '' },
    App: (options) => { app = options },
    Page: (options) => { defined = { kind: 'page', options } },
    Component: (options) => { defined = { kind: 'component', options } },
    Behavior: (options) => options,
    getApp: () => app,
    getCurrentPages: () => pages,
    [namespace]: client,
  } // prettier-ignore
  globals.global = globals.globalThis = globals
  const context = vm.createContext(globals)

  const modules = new Map()
  function load(file) {
    const name = file.endsWith('.js') ? file : `${file}.js`
    if (!modules.has(name)) {
      const module = { exports: {} }
      modules.set(name, module)
      const source = fs.readFileSync(path.join(root, name), 'utf8')
      const run = vm.runInContext(`(function (require, module, exports) {${source}\n})`, context, { filename: name })
      run((other) => load(path.join(path.dirname(name), other)), module, module.exports)
    }
    return modules.get(name).exports
  }

  const definitions = new Map()
  function definition(file) {
    if (!definitions.has(file)) {
      defined = undefined
      load(file)
      if (!defined) throw new Error(`${file}.js defines nothing`)
      const settings = JSON.parse(fs.readFileSync(path.join(root, `${file}.json`), 'utf8'))
      const using = Object.entries(settings.usingComponents ?? {}).map(([tag, place]) => [
        tag,
        path.join(place.startsWith('/') ? '.' : path.dirname(file), place),
      ])
      const markup = parse(fs.readFileSync(path.join(root, file + ext), 'utf8'))
      definitions.set(file, { ...defined, using: new Map(using), markup })
    }
    return definitions.get(file)
  }

  let ids = 0
  function instantiate(file, parent, given) {
    const known = definition(file)
    const { options, kind } = known
    const isPage = !parent
    const methods = kind === 'page' ? options : (options.methods ?? {})
    const self = { data: structuredClone(typeof options.data === 'function' ? options.data() : (options.data ?? {})) }
    for (const each of options.mixins ?? options.behaviors ?? []) Object.assign(self, each.methods)
    for (const [name, each] of Object.entries(methods)) if (kind === 'page' || typeof each === 'function') self[name] = each
    Object.assign(self, { dataset: {}, is: file, children: new Map(), known, file, host: parent })
    if (isPage) self.route = self.__route__ = file
    const id = isPage ? 0 : ++ids
    self.nodeId = self.$id = self.__nodeId__ = self.__wxExparserNodeId__ = self._componentId = id
    self.__webviewId__ = 1
    if (namespace === 'swan') self.methods = { ...methods }
    const names = Object.keys(options.properties ?? options.props ?? {})
    self.properties = {}
    for (const name of names) {
      const declared = (options.properties ?? options.props)[name]
      self.properties[name] = options.props ? declared : declared?.value
    }
    self.props = self.properties
    Object.assign(self.properties, given)
    self.setData = self.$spliceData = (changes, done) => {
      for (const [place, value] of Object.entries(changes)) assign(self.data, place, value)
      draw()
      if (done) Promise.resolve().then(() => done.call(self))
    }
    self.groupSetData = (run) => run?.()
    self.selectComponent = () => null
    self.selectAllComponents = () => []
    self.createSelectorQuery = () => ({ in: () => self.createSelectorQuery(), select: () => self.createSelectorQuery(), exec() {} })
    self.hasMixin = () => false
    self.getOpenerEventChannel = () => ({})
    const trigger = (name, detail) => hear(self, name, detail)
    Object.defineProperty(self, 'triggerEvent', { value: self.triggerEvent ?? trigger, writable: namespace !== 'jd' })
    self.dispatch = (name, detail) => parent?.known.options.messages?.[name].call(parent, { value: detail })
    self.life = (name, ...args) => (options.lifetimes?.[name] ?? options[name])?.apply(self, args)
    return self
  }

  /** A component's event arrives where its tag on the parent's page listens, in the spelling of the platform. */
  function hear(self, name, detail) {
    if (!self.node) return // a page has nobody above it
    const heard = [`bind:${name}`, `bind${name}`].find((each) => each in self.node.attributes)
    if (!heard) return
    const event = { type: name, detail, target: { dataset: {} }, currentTarget: { dataset: dataset(self.node, self.host) } }
    call(self.host, self.node, heard, event)
  }

  function dataset(node, owner) {
    const marked = Object.entries(node.attributes).filter(([name]) => name.startsWith('data-'))
    return Object.fromEntries(marked.map(([name, value]) => [camel(name.slice(5)), evaluate(value, owner.data)]))
  }

  function call(owner, node, attribute, event) {
    const name = evaluate(node.attributes[attribute], owner.data)
    const method = owner[name] ?? owner.known.options.methods?.[name]
    if (typeof method !== 'function') throw new Error(`${attribute}="${node.attributes[attribute]}" names no method`)
    return method.call(owner, event)
  }

  let drawing = false
  let again = false
  let tree = []
  /** Draws the page as its data are now. What is drawn may change data, as when a component appears. */
  function draw() {
    if (drawing) { again = true; return }
    drawing = true
    try {
      let rounds = 0
      do {
        again = false
        if (++rounds > 50) throw new Error('the page never comes to rest')
        const drawn = new Set()
        if (pages[0]) tree = nodes(pages[0], pages[0].known.markup, drawn)
        if (pages[0]) prune(pages[0], drawn)
      } while (again)
    } finally { drawing = false }
  } // prettier-ignore

  function prune(self, drawn) {
    for (const [key, child] of self.children) {
      prune(child, drawn)
      if (drawn.has(child)) continue
      self.children.delete(key)
      child.life(namespace === 'my' ? 'didUnmount' : 'detached')
    }
  }

  function nodes(owner, children, drawn, slotted) {
    const found = []
    let matched = true
    for (const node of children) {
      if (typeof node === 'string') {
        const text = String(evaluate(node, owner.data)).trim()
        if (text) found.push(text)
        continue
      }
      const { attributes } = node
      const asks = (name) => `${prefix}${name}` in attributes
      const holds = (name) => evaluate(attributes[`${prefix}${name}`], owner.data)
      if (asks('for')) {
        // Baidu: s-for="each in a trackBy each.b". The others: wx:for="{{a}}" wx:for-item="each".
        const [, name, list] = /^(\w+) in (\w+)/.exec(attributes[`${prefix}for`]) ?? []
        const item = name ?? attributes[`${prefix}for-item`]
        const once = { ...node, attributes: { ...attributes } }
        for (const each of Object.keys(attributes)) if (each.startsWith(`${prefix}for`)) delete once.attributes[each]
        const items = list ? evaluate(`{{${list}}}`, owner.data) : holds('for')
        for (const each of items ?? []) {
          const within = Object.create(owner, { data: { value: { ...owner.data, [item]: each } } })
          found.push(...nodes(within, [once], drawn, slotted))
        }
        continue
      }
      const shown = asks('if') ? Boolean(holds('if')) : asks('elif') ? !matched && Boolean(holds('elif')) : asks('else') ? !matched : true
      if (asks('if')) matched = shown
      else if (asks('elif')) matched ||= shown
      if (shown) found.push(...element(owner, node, drawn, slotted))
    }
    return found
  }

  function element(owner, node, drawn, slotted) {
    if (node.tag === 'block') return nodes(owner, node.children, drawn, slotted)
    if (node.tag === 'slot') {
      const name = node.attributes.name ?? ''
      const given = slotted ? slotted.children.filter((each) => (each.attributes?.slot ?? '') === name && `${each}`.trim()) : []
      return given.length ? nodes(slotted.owner, given, drawn, slotted.outer) : nodes(owner, node.children, drawn, slotted)
    }
    const values = Object.fromEntries(Object.entries(node.attributes).map(([name, value]) => [name, evaluate(value, owner.data)]))
    const file = owner.known.using.get(node.tag)
    if (!file) return [{ tag: node.tag, node, owner, values, children: nodes(owner, node.children, drawn, slotted) }]
    const child = component(owner, node, file, values)
    drawn.add(child)
    const inside = { owner, children: node.children, outer: slotted }
    return [{ tag: node.tag, node, owner, values, children: nodes(child, child.known.markup, drawn, inside) }]
  }

  function component(owner, node, file, values) {
    const given = {}
    for (const [name, value] of Object.entries(values)) {
      const isEvent = /^on[A-Z]/.test(name)
      if (isEvent && namespace === 'my') given[name] = (...args) => owner[value].apply(owner, args)
      else given[camel(name)] = value
    }
    const known = owner.children.get(node)
    if (known) {
      const changed = Object.keys(given).filter((name) => typeof given[name] !== 'function' && !isDeepStrictEqual(given[name], known.properties[name]))
      const next = { ...known.properties, ...given }
      if (changed.length && namespace === 'my') known.known.options.deriveDataFromProps?.call(known, next)
      Object.assign(known.properties, given)
      observe(known, changed)
      return known
    }
    const child = instantiate(file, owner, given)
    child.node = node
    owner.children.set(node, child)
    if (namespace === 'my') {
      child.life('onInit')
      child.life('didMount')
    } else {
      child.life('created')
      observe(child, Object.keys(given))
      child.life('attached')
      child.life('ready')
    }
    return child
  }

  function observe(self, names) {
    const { observers = {}, properties = {} } = self.known.options
    for (const name of names) {
      const value = self.properties[name]
      properties[name]?.observer?.call(self, value)
      observers[name]?.call(self, value)
    }
  }

  return {
    client,
    errors,
    /** Starts the app and opens a page. */
    async open(page) {
      load('app')
      app.onLaunch?.({ path: page, query: {}, scene: 1001 })
      app.onShow?.({})
      const self = instantiate(page, null, {})
      pages.push(self)
      if (self.known.kind === 'page') {
        self.onInit?.({})
        self.onLoad?.({})
      } else {
        if (namespace === 'swan') self.pageinstance = self
        self.life('onInit', {})
        self.life('created')
        self.life('attached')
        self.onLoad?.({})
      }
      self.onShow?.()
      draw()
      if (self.known.kind === 'page') self.onReady?.()
      else { self.life('ready'); self.onReady?.() } // prettier-ignore
    },
    /** Closes the page. */
    close() {
      const self = pages.pop()
      prune(self, new Set())
      self.onUnload?.()
      self.life('detached')
    },
    /** Waits until something is so. */
    async until(isSo) {
      for (const from = Date.now(); !isSo(); ) {
        if (Date.now() - from > 5000) throw new Error(`it never came so: ${isSo}`)
        await pause(2)
      }
    },
    /** Waits for what should not happen. */
    settle: () => pause(50),
    /** Moves the clock. While the user is in another app no timer rings. */
    async advance(seconds, isElsewhere) {
      moved += seconds * 1000
      for (const { at, ring } of isElsewhere ? [] : [...timers.values()]) if (at <= now()) ring()
      if (isElsewhere) for (const run of shows) run({})
      await pause(0)
    },
    /** All elements of a tag that are shown now. */
    find(tag) {
      const all = (each) => (typeof each === 'string' ? [] : [each, ...each.children.flatMap(all)])
      return tree.flatMap(all).filter((each) => each.tag === tag)
    },
    /** All text that is shown now. */
    text() {
      const all = (each) => (typeof each === 'string' ? [each] : each.children.flatMap(all))
      return tree.flatMap(all).join('\n')
    },
    /** Fires an event at the exact attribute; throws if the element does not have it. */
    fire(element, attribute, detail) {
      if (!(attribute in element.node.attributes)) {
        throw new Error(`no ${attribute} on <${element.tag} ${Object.keys(element.node.attributes).join(' ')}>`)
      }
      const type = attribute.replace(/^(?:bind:?|on)/, '')
      const target = { dataset: dataset(element.node, element.owner) }
      return call(element.owner, element.node, attribute, { type, detail, target, currentTarget: target, timeStamp: 1 })
    },
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

function assign(data, place, value) {
  const names = place.replace(/\[(\d+)\]/g, '.$1').split('.')
  const last = names.pop()
  let into = data
  for (const name of names) into = into[name] ??= {}
  into[last] = value
}
