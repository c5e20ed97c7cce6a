/** What `wx` and `my` have in common: the system, the storage, and small signs on the screen. */

import type { Mounted } from './types'

export type Callbacks = {
  success?: (result: Record<string, unknown>) => void
  fail?: (result: Record<string, unknown>) => void
  complete?: (result: Record<string, unknown>) => void
}

/** Answers in callbacks, and with a promise if there are none. */
export function settle(
  asked: Callbacks | undefined,
  work: Promise<object>,
  failed: (error: unknown) => object,
): unknown {
  const quiet = !asked || !(asked.success || asked.fail || asked.complete)
  const done = work.then(
    (result) => {
      asked?.success?.(result as Record<string, unknown>)
      asked?.complete?.(result as Record<string, unknown>)
      return result
    },
    (error: unknown) => {
      const result = failed(error) as Record<string, unknown>
      asked?.fail?.(result)
      asked?.complete?.(result)
      if (quiet) throw result
      return result
    },
  )
  return quiet ? done : undefined
}

/** A fake system. The version of the base library is newer than everything the components need. */
export function systemInfo(own: Record<string, unknown>): Record<string, unknown> {
  return {
    platform: 'devtools',
    brand: 'haoma',
    model: 'browser',
    system: 'simulated',
    version: '10.5.0',
    SDKVersion: '3.8.0',
    language: 'zh_CN',
    pixelRatio: 2,
    windowWidth: 375,
    windowHeight: 667,
    screenWidth: 375,
    screenHeight: 667,
    statusBarHeight: 20,
    fontSizeSetting: 16,
    theme: 'light',
    app: 'alipay',
    ...own,
  }
}

const noop = (): void => undefined

/** Names that exist and do nothing: pages register listeners with them. */
const SILENT = [
  'onAppShow',
  'offAppShow',
  'onAppHide',
  'offAppHide',
  'onError',
  'offError',
  'onUnhandledRejection',
  'offUnhandledRejection',
  'onPageNotFound',
  'onThemeChange',
  'offThemeChange',
  'onNetworkStatusChange',
  'onMemoryWarning',
  'onWindowResize',
  'offWindowResize',
  'reportEvent',
  'hideKeyboard',
  'stopPullDownRefresh',
  'setNavigationBarColor',
  'hideToast',
  'hideLoading',
  'hideHomeButton',
  'vibrateShort',
]

export function shared(info: Record<string, unknown>, navigate: Navigate, screen: Screen): Record<string, unknown> {
  const go = (name: string, move: (url: string) => void) => (asked: { url?: string } & Callbacks) =>
    settle(
      asked,
      Promise.resolve().then(() => (move(asked?.url ?? ''), { errMsg: `${name}:ok` })),
      (error) => ({
        errMsg: `${name}:fail ${String(error)}`,
      }),
    )
  const say = (text: unknown): void => {
    if (text) screen.toast(String(text))
  }
  return {
    ...Object.fromEntries(SILENT.map((name) => [name, noop])),
    getSystemInfoSync: () => ({ ...info }),
    getSystemInfo: (asked?: Callbacks) =>
      settle(asked, Promise.resolve({ ...info }), (error) => ({ errMsg: String(error) })),
    getDeviceInfo: () => ({ ...info }),
    getWindowInfo: () => ({ ...info }),
    getAppBaseInfo: () => ({ ...info }),
    getSystemSetting: () => ({}),
    getAccountInfoSync: () => ({ miniProgram: { appId: 'simulated', envVersion: 'develop', version: '' } }),
    getExtConfigSync: () => ({ ...navigate.config }),
    getLaunchOptionsSync: () => ({ ...navigate.launched }),
    getEnterOptionsSync: () => ({ ...navigate.launched }),
    nextTick: (then: () => void) => queueMicrotask(then),
    createSelectorQuery: () => new Query(),
    navigateTo: go('navigateTo', navigate.to),
    redirectTo: go('redirectTo', navigate.replace),
    reLaunch: go('reLaunch', navigate.replace),
    switchTab: go('switchTab', navigate.replace),
    navigateBack: go('navigateBack', navigate.back),
    showToast: (asked: { title?: string; content?: string } & Callbacks) =>
      settle(asked, Promise.resolve((say(asked?.title ?? asked?.content), { errMsg: 'showToast:ok' })), () => ({})),
    showLoading: (asked: { title?: string; content?: string } & Callbacks) =>
      settle(asked, Promise.resolve((say(asked?.title ?? asked?.content), { errMsg: 'showLoading:ok' })), () => ({})),
    setNavigationBarTitle: (asked: { title?: string } & Callbacks) =>
      settle(
        asked,
        Promise.resolve((navigate.title(asked?.title ?? ''), { errMsg: 'setNavigationBarTitle:ok' })),
        () => ({}),
      ),
  }
}

export interface Navigate {
  launched: Record<string, unknown>
  config: Record<string, unknown>
  to(url: string): void
  replace(url: string): void
  back(url?: string): void
  title(text: string): void
}

/** Nothing on a page has a measured place here. */
class Query {
  private readonly asked: unknown[] = []
  select(): this {
    return this
  }
  in(): this {
    return this
  }
  selectAll(): this {
    return this
  }
  selectViewport(): this {
    return this
  }
  boundingClientRect(): this {
    this.asked.push(null)
    return this
  }
  scrollOffset(): this {
    this.asked.push(null)
    return this
  }
  exec(then?: (found: unknown[]) => void): void {
    queueMicrotask(() => then?.(this.asked))
  }
}

/** The signs that the platform itself draws over a page. */
export class Screen {
  constructor(private readonly root: Mounted['root']) {}

  toast(text: string): void {
    this.root.querySelector('.toast')?.remove()
    const box = this.add('toast', text)
    box.setAttribute('role', 'status')
    setTimeout(() => box.remove(), 2500)
  }

  /** Resolves with true if the user agrees. */
  modal(text: string, agree: string, decline: string | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const cover = this.add('modal', '')
      const box = cover.appendChild(document.createElement('div'))
      box.setAttribute('role', 'alertdialog')
      box.setAttribute('aria-label', text)
      box.appendChild(document.createElement('p')).textContent = text
      for (const [label, answer] of [
        [agree, true],
        [decline, false],
      ] as const) {
        if (label === undefined) continue
        const button = box.appendChild(document.createElement('button'))
        button.textContent = label
        button.addEventListener('click', () => {
          cover.remove()
          resolve(answer)
        })
        if (answer) button.focus()
      }
    })
  }

  private add(name: string, text: string): HTMLElement {
    const box = document.createElement('div')
    box.className = name
    box.textContent = text
    this.root.querySelector('.viewport')!.appendChild(box)
    return box
  }
}

/** A storage that lasts as long as the page. */
export class Storage {
  private readonly kept = new Map<string, string>()

  get(key: string): unknown {
    const text = this.kept.get(key)
    return text === undefined ? undefined : JSON.parse(text)
  }
  set(key: string, value: unknown): void {
    this.kept.set(key, JSON.stringify(value ?? null))
  }
  remove(key: string): void {
    this.kept.delete(key)
  }
  clear(): void {
    this.kept.clear()
  }
  keys(): string[] {
    return [...this.kept.keys()]
  }
}
