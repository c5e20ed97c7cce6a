/** Pages and components of Alipay, as components of glass-easel. */

import { triggerEvent } from 'glass-easel'
import { Call } from './events'

type Func = (this: unknown, ...args: unknown[]) => unknown
type Bag = Record<string, unknown>

/** What `Page` and `Component` of Alipay take. */
export interface Definition extends Bag {
  data?: Bag | (() => Bag)
  props?: Bag
  methods?: Record<string, Func>
  mixins?: Definition[]
}

/** The `this` of a page or component. */
interface Instance extends Bag {
  _$: { childNodes: { slot?: string; nodeSlot?: string }[] }
  data: Bag
  props: Bag
  setData(data: Bag, then?: () => void): void
}

/** What the adapter keeps beside an instance. */
interface Beside {
  listened: Set<string>
  before: Bag | undefined
  mounted: boolean
}

const MOST_UPDATES = 100
let ids = 0

/** `set` are the names of properties that parents set, declared or not. */
export function component(given: Definition, set: string[]): object {
  const mixed = [...(given.mixins ?? []), given]
  const each = (name: string) => mixed.map((one) => one[name]).filter((one) => typeof one === 'function') as Func[]
  const props = Object.assign({}, ...mixed.map((one) => one.props)) as Bag
  const undeclared = Object.fromEntries(set.map((name) => [name, undefined]))
  const all = Object.entries({ ...undeclared, ...props })
  const plain = Object.fromEntries(all.filter(([, value]) => typeof value !== 'function'))
  const methods = Object.assign({}, ...mixed.map((one) => one.methods)) as Record<string, Func>
  const besides = new WeakMap<object, Beside>()
  const beside = (self: object): Beside => {
    const found = besides.get(self) ?? { listened: new Set(), before: undefined, mounted: false }
    besides.set(self, found)
    return found
  }
  const run = (self: Instance, name: string, ...args: unknown[]): void => {
    for (const one of each(name)) one.apply(self, args)
  }

  /** Several properties change at once, and the component hears of it once. */
  const changed = (self: Instance, name: string, value: unknown): void => {
    const here = beside(self)
    if (!here.mounted || self.props[name] === value) return
    const first = here.before === undefined
    here.before ??= { ...self.props }
    run(self, 'deriveDataFromProps', { ...self.props, [name]: value })
    self.props[name] = value
    if (!first) return
    queueMicrotask(() => {
      const before = here.before ?? {}
      here.before = undefined
      run(self, 'didUpdate', before, self.data)
    })
  }

  return {
    options: { multipleSlots: true },
    data: () => ({ ...Object.assign({}, ...mixed.map((one) => dataOf(one))), $slots: {} }),
    properties: Object.fromEntries(
      Object.entries(plain).map(([name, value]) => [name, { type: null, value: value ?? null }]),
    ),
    observers: Object.fromEntries(
      Object.keys(plain).map((name) => [
        name,
        function (this: Instance, value: unknown) {
          changed(this, name, value)
        },
      ]),
    ),
    methods,
    lifetimes: {
      created(this: Instance) {
        prepare(this)
        this.props = listening(this, props, beside(this).listened)
      },
      listenerChange(this: Instance, added: boolean, name: string) {
        const { listened } = beside(this)
        if (added) listened.add(name)
        else listened.delete(name)
      },
      attached(this: Instance) {
        for (const name of Object.keys(plain)) {
          if (name in props || this.data[name] !== null) this.props[name] = this.data[name]
        }
        // Templates ask whether there is something in a slot, and whether somebody listens.
        const slots = this._$.childNodes.map((child) => [child.nodeSlot || child.slot || '$default', true])
        const heard = [...beside(this).listened].map((name) => [`on${name}`, true])
        if (slots.length || heard.length)
          this.setData({ $slots: Object.fromEntries(slots), ...Object.fromEntries(heard) })
        run(this, 'onInit')
        run(this, 'deriveDataFromProps', this.props)
        beside(this).mounted = true
        afterSetData(this, () => run(this, 'didUpdate', this.props, this.data))
        run(this, 'didMount')
      },
      detached(this: Instance) {
        beside(this).mounted = false
        run(this, 'didUnmount')
      },
    },
  }
}

export function page(given: Definition): object {
  const methods = Object.fromEntries(Object.entries(given).filter(([, value]) => typeof value === 'function'))
  const own = Object.fromEntries(
    Object.entries(given).filter(([name, value]) => typeof value !== 'function' && name !== 'data'),
  )
  return {
    data: () => dataOf(given),
    methods,
    lifetimes: {
      created(this: Instance) {
        prepare(this)
        Object.assign(this, own)
      },
    },
  }
}

function dataOf(given: Definition): Bag {
  return typeof given.data === 'function' ? given.data() : structuredClone(given.data ?? {})
}

function prepare(self: Instance): void {
  ids += 1
  self['$id'] = ids
  self['$spliceData'] = (data: Bag, then?: () => void) => self.setData(spliced(self.data, data), then)
  self['$batchedUpdates'] = (then: () => void) => then()
  self['hasMixin'] = () => true
}

/** `$spliceData` takes `{list: [start, remove, ...items]}`. */
function spliced(data: Bag, changes: Bag): Bag {
  return Object.fromEntries(
    Object.entries(changes).map(([path, change]) => {
      const old = path
        .split(/[.[\]]+/)
        .filter(Boolean)
        .reduce<unknown>((at, key) => (at as Bag | undefined)?.[key], data)
      if (!Array.isArray(change) || !Array.isArray(old)) return [path, change]
      const [start, remove, ...items] = change as [number, number, ...unknown[]]
      return [path, [...old.slice(0, start), ...items, ...old.slice(start + remove)]]
    }),
  )
}

/** Properties in `onX` are functions of the parent. They take a value and return one, as calls do. */
function listening(self: Instance, defaults: Bag, listened: Set<string>): Bag {
  const isListener = (name: string | symbol): name is string => typeof name === 'string' && /^on[A-Z]/.test(name)
  const heard = (name: string | symbol) => isListener(name) && listened.has(name.slice(2))
  return new Proxy<Bag>(
    { ...defaults },
    {
      has: (target, name) => name in target || heard(name),
      get(target, name) {
        if (!heard(name)) return target[name as string]
        return (...args: unknown[]) => {
          let answer: unknown
          triggerEvent(self._$ as never, (name as string).slice(2), new Call(args), {
            handleListenerReturn(value: unknown) {
              answer = value
            },
          })
          return answer
        }
      },
    },
  )
}

/** Alipay calls `didUpdate` after `setData` too. */
function afterSetData(self: Instance, then: () => void): void {
  const set = self.setData
  let depth = 0
  self.setData = (data, done) => {
    set.call(self, data, done)
    if (depth >= MOST_UPDATES) throw new Error('didUpdate calls setData without an end')
    depth += 1
    try {
      then()
    } finally {
      depth -= 1
    }
  }
}
