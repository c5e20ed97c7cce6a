/** Runs the pages of a folder with WeChat's component engine. */

import { addGlobalErrorListener, type GeneralComponent, removeGlobalErrorListener } from 'glass-easel'
import { type CodeSpace, MiniProgramEnv, type Root } from 'glass-easel-miniprogram-adapter'
import { component, page, type Definition } from './alipay'
import { button } from './button'
import { Config, prefix } from './config'
import { type Phone, TakenAway } from './device'
import { makeEventsPlain } from './events'
import { loader } from './modules'
import { my } from './my'
import { normal } from './paths'
import { Screen } from './screen'
import { Styles } from './styles'
import { type Navigate, Screen as Signs, systemInfo } from './system'
import type { Folder, Json, Mounted, Opening } from './types'
import { wx } from './wx'

type Bag = Record<string, unknown>
type Live = Bag & { route?: string }
type Hook = 'onLoad' | 'onShow' | 'onReady' | 'onHide' | 'onUnload'

/** Options that the engine has and the adapter does not pass on. */
const OPTIONS = {
  useMethodCallerListeners: true,
  listenerChangeLifetimes: true,
  writeIdToDOM: true,
  writeFieldsToNode: false,
}
const MOST_PAGES = 10

interface Shown {
  path: string
  live: Live
  root: Root
  box: HTMLElement
}

class Engine {
  readonly root: ShadowRoot
  private readonly box = document.createElement('div')
  private readonly viewport = document.createElement('div')
  private readonly space: CodeSpace
  private readonly env = new MiniProgramEnv()
  private readonly backend: ReturnType<MiniProgramEnv['associateBackend']>
  private readonly styles: Styles
  private readonly config: Config
  private readonly need: (path: string) => unknown
  private readonly loaded = new Set<string>()
  private readonly pages: Shown[] = []
  private readonly fresh: GeneralComponent[] = []
  private current = ''
  private app: Bag = {}

  constructor(
    element: HTMLElement,
    private readonly folder: Folder,
    phone: Phone,
    private readonly options: Opening,
  ) {
    makeEventsPlain()
    element.replaceChildren(this.box)
    this.box.style.cssText = 'block-size: 100%; min-block-size: inherit'
    this.root = this.box.attachShadow({ mode: 'open' })
    this.viewport.className = 'viewport'
    this.root.appendChild(this.viewport)
    this.styles = new Styles(this.root, this.folder)
    this.config = new Config(this.folder)
    this.space = this.env.createCodeSpace('', true)
    this.backend = this.env.associateBackend(new Screen(this.root, folder.platform, this.asset) as never)
    addGlobalErrorListener(this.failed)
    const [home, query] = split(options.page ?? this.folder.json['app']?.pages?.[0] ?? '')
    this.register(phone)
    const navigate: Navigate = {
      launched: { path: home, query, scene: 1001, referrerInfo: {} },
      config: options.config ?? {},
      to: (url) => this.push(url),
      replace: (url) => this.replace(url),
      back: () => this.back(),
      title: (text) => options.onTitle?.(text),
    }
    const make = folder.platform === 'alipay' ? my : wx
    const api = make(phone, systemInfo(options.system ?? {}), navigate, new Signs(this.root))
    for (const name of options.without ?? []) delete api[name]
    this.need = loader(this.folder, api, this.globals())
    if ('app' in this.folder.modules) this.need('app')
    this.styles.add('app', '')
    hook(this.app, 'onLaunch', navigate.launched)
    hook(this.app, 'onShow', navigate.launched)
    this.push(options.page ?? home)
  }

  push(url: string): void {
    if (this.pages.length >= MOST_PAGES) throw new Error(`more than ${MOST_PAGES} pages`)
    const [path, query] = split(url, this.pages.at(-1)?.path)
    this.load(path)
    const before = this.pages.at(-1)
    if (before) {
      hook(before.live, 'onHide')
      before.box.hidden = true
    }
    const root = this.backend.createRoot('page', this.space, path)
    const live = root.get() as unknown as Live
    live.route = path
    live['__route__'] = path
    live['options'] = query
    const box = this.viewport.appendChild(document.createElement('div'))
    box.style.cssText = 'display: contents'
    const place = box.appendChild(document.createElement('span'))
    this.pages.push({ path, live, root, box })
    // Alipay: before what is inside the page begins. WeChat: after it, also where a page is a component.
    if (this.folder.platform === 'alipay') hook(live, 'onLoad', query)
    root.attach(box as never, place as never)
    if (this.folder.platform !== 'alipay') hook(live, 'onLoad', query)
    hook(live, 'onShow')
    root.getComponent().triggerPageLifetime('show', [])
    this.ready()
    hook(live, 'onReady')
    this.tellTitle()
  }

  back(): void {
    if (this.pages.length < 2) return
    this.close()
    const shown = this.pages.at(-1)!
    shown.box.hidden = false
    shown.box.style.cssText = 'display: contents'
    this.show()
    this.tellTitle()
  }

  replace(url: string): void {
    const from = this.pages.at(-1)?.path
    while (this.pages.length) this.close()
    this.push(split(url, from).length ? absolute(url, from) : url)
  }

  show(): void {
    const shown = this.pages.at(-1)
    if (!shown) return
    hook(shown.live, 'onShow')
    shown.root.getComponent().triggerPageLifetime('show', [])
  }

  destroy(): void {
    while (this.pages.length) this.close()
    removeGlobalErrorListener(this.failed)
    this.box.remove()
  }

  private close(): void {
    const shown = this.pages.pop()!
    hook(shown.live, 'onUnload')
    shown.root.release()
    shown.box.remove()
  }

  private readonly failed = (error: unknown): false => {
    if (error instanceof TakenAway) return false
    if (this.options.onError) this.options.onError(error)
    else console.error(error)
    return false // or the engine reports it too
  }

  private readonly asset = (path: string): string => {
    if (/^(data|blob|https?):/.test(path)) return path
    return this.folder.assets?.[normal(path)] ?? path
  }

  /** A component is ready when it and all inside it are drawn; the engine leaves that to its user. */
  private readonly attached = (component: GeneralComponent): void => {
    this.fresh.push(component)
    queueMicrotask(() => this.ready())
  }

  private ready(): void {
    for (const component of this.fresh.splice(0).reverse()) component.triggerLifetime('ready', [])
  }

  private tellTitle(): void {
    const own = this.folder.json[this.pages.at(-1)!.path] ?? {}
    const all = this.folder.json['app']?.window ?? {}
    this.options.onTitle?.(titleOf(own) ?? titleOf(all) ?? '')
  }

  /** Tells the engine of every template and configuration, and of the platform's own button. */
  private register(phone: Phone): void {
    const space = this.space.getComponentSpace()
    const own = space as unknown as { updateComponentOptions(options: object): void; getComponentOptions(): object }
    own.updateComponentOptions({ ...own.getComponentOptions(), ...OPTIONS })
    const { attached } = this
    this.space.setOverallBehavior(
      space
        .define()
        .lifetime('attached', function () {
          attached((this as unknown as { _$: GeneralComponent })._$)
        })
        .registerBehavior() as never,
    )
    const defined = space
      .define('button')
      .definition(button(phone, this.failed) as never)
      .registerComponent()
    space.setGlobalUsingComponent('button', defined as never)
    for (const path of Object.keys(this.folder.json))
      this.space.addComponentStaticConfig(path, this.config.of(path) as never)
    for (const [path, content] of Object.entries(this.folder.templates)) {
      this.space.addCompiledTemplate(path, { groupList: this.folder.templates, content } as never)
    }
  }

  /** Runs the scripts of a page or component and of all that it uses, what it uses first. */
  private load(path: string): void {
    if (this.loaded.has(path)) return
    this.loaded.add(path)
    if (!(path in this.folder.templates)) throw new Error(`no page or component ${path}`)
    for (const target of this.config.uses(path)) this.load(target)
    this.space.addStyleSheet(path, undefined, prefix(path))
    this.current = path
    if (path in this.folder.modules) this.need(path)
    this.styles.add(path, this.config.scope(path))
  }

  private globals(): Bag {
    const define = (kind: 'Page' | 'Component', given: Definition): void => {
      const path = this.current
      this.space.componentEnv(path, (env) => {
        if (this.folder.platform === 'alipay') {
          env.Component((kind === 'Page' ? page(given) : component(given, this.config.set(path))) as never)
          return
        }
        const behaviors = ((given['behaviors'] as unknown[] | undefined) ?? []).filter(
          (each) => typeof each !== 'string',
        )
        const isolation = (given['options'] as Bag | undefined)?.['styleIsolation']
        if (isolation) {
          this.config.isolate(path, isolation)
          this.space.addComponentStaticConfig(path, this.config.of(path) as never)
        }
        const definition = { ...given, behaviors } as never
        if (kind === 'Page') env.Page(definition)
        else env.Component(definition)
      })
    }
    return {
      App: (given: Bag) => {
        this.app = given
      },
      Page: (given: Definition) => define('Page', given),
      Component: (given: Definition) => define('Component', given),
      Behavior: (given: object) => this.space.componentEnv(this.current, (env) => env.Behavior(given as never)),
      getApp: () => this.app,
      getCurrentPages: () => this.pages.map((shown) => shown.live),
      global: globalThis,
    }
  }
}

/** Draws the first page of a folder in an element. */
export function start(element: HTMLElement, folder: Folder, phone: Phone, opening: Opening): Mounted {
  const engine = new Engine(element, folder, phone, opening)
  return {
    root: engine.root,
    open: (url) => engine.replace(url),
    show: () => engine.show(),
    destroy: () => engine.destroy(),
  }
}

const titleOf = (json: Json): string | undefined => json.navigationBarTitleText ?? json.defaultTitle

function hook(target: Bag, name: Hook | 'onLaunch', ...args: unknown[]): void {
  const found = target[name]
  if (typeof found === 'function') (found as (...args: unknown[]) => void).apply(target, args)
}

/** Splits `/pages/a/a?b=c`, which may be relative to a page. */
function split(url: string, from?: string): [string, Record<string, string>] {
  const [path = '', query = ''] = absolute(url, from).split('?')
  return [path, Object.fromEntries(new URLSearchParams(query))]
}

function absolute(url: string, from?: string): string {
  const [path = '', ...query] = url.split('?')
  const base = from && path.startsWith('.') ? `${from.split('/').slice(0, -1).join('/')}/` : ''
  return [normal(base + path), ...query].join('?')
}
