/** Runs inside the sandboxed frame: compiles the files that the page sends, and runs them. */

import * as bridge from 'glass-easel-template-compiler/pkg/glass_easel_template_compiler_bg.js'
import { type Event, type Phone, TakenAway } from './device'
import { start } from './engine'
import { type Compiler, read, type Sources } from './folder'
import { globals } from './modules'
import type { Folder, Mounted, Received, Sent } from './types'
import { type Answered, HELLO, type Said, type Shown, type Start } from './wire'

/** The phone, on the page's side of the frame. */
class Remote implements Phone {
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>()
  private last = 0

  constructor(
    readonly platform: Start['platform'],
    private readonly port: MessagePort,
  ) {}

  hear(answered: Answered): void {
    const waiting = this.waiting.get(answered.id)
    this.waiting.delete(answered.id)
    if ('value' in answered) waiting?.resolve(answered.value as never)
    else waiting?.reject(answered.error ? new Error(answered.error) : new TakenAway())
  }

  ask(openType: string): Promise<Event> {
    return this.say({ ask: 'ask', openType })
  }
  authorize(): Promise<Event | undefined> {
    return this.say({ ask: 'authorize' })
  }
  number(): Promise<Event> {
    return this.say({ ask: 'number' })
  }
  login(): Promise<{ code: string }> {
    return this.say({ ask: 'login' })
  }
  send(request: Sent): Promise<Received> {
    return this.say({ ask: 'send', request })
  }

  private say<T>(question: object): Promise<T> {
    this.last += 1
    const id = this.last
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.port.postMessage({ id, ...question })
    })
  }
}

function run(asked: Start, port: MessagePort): void {
  const tell = (said: Said): void => port.postMessage(said)
  const failed = (error: unknown): void => tell({ tell: 'error', text: String((error as Error)?.stack ?? error) })
  const phone = new Remote(asked.platform, port)
  let mounted: Mounted | undefined
  port.onmessage = ({ data }: MessageEvent<Answered | Shown>) => {
    if ('show' in data) mounted?.show()
    else phone.hear(data)
  }
  addEventListener('error', (event) => failed(event.error ?? event.message))
  addEventListener('unhandledrejection', (event) => failed(event.reason))
  void compile(asked)
    .then((sources) => {
      for (const text of sources.warnings) tell({ tell: 'warning', text })
      const place = document.getElementById('screen')!
      const { page, system, config } = asked
      const onTitle = (text: string): void => tell({ tell: 'title', text })
      mounted = start(place, folder(sources), phone, { page, system, config, onTitle, onError: failed })
      tell({ tell: 'started' })
    })
    .catch(failed)
}

async function compile({ platform, files, compiler }: Start): Promise<Sources> {
  const { instance } = await WebAssembly.instantiate(compiler, { './glass_easel_template_compiler_bg.js': bridge })
  bridge.__wbg_set_wasm(instance.exports)
  const group: Compiler = new bridge.TmplGroup()
  try {
    return read(platform, files, group)
  } finally {
    group.free()
  }
}

function folder({ platform, json, scripts, templates, styles, assets, attributes }: Sources): Folder {
  const names = globals(platform)
  const modules = Object.fromEntries(
    Object.entries(scripts).map(([path, text]) => [path, new Function(...names, `${text}\n//# sourceURL=${path}.js`)]),
  )
  return {
    platform,
    json,
    styles,
    assets,
    attributes,
    modules: modules as Folder['modules'],
    templates: new Function(`return ${templates}`)() as Folder['templates'],
  }
}

/** Whoever sends files here has them run, so nothing is run unless this frame has no origin and is inside a page. */
if (origin === 'null' && parent !== self) {
  addEventListener('message', function greet(event: MessageEvent<Start>) {
    const [port] = event.ports
    if (event.source !== parent || !port) return
    removeEventListener('message', greet)
    run(event.data, port)
  })
  parent.postMessage(HELLO, '*')
}
