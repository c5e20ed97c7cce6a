import Taro from '@tarojs/taro'
import { action, makeObservable, observable } from 'mobx'

function logged<T extends (...args: any[]) => any>(target: T, context: ClassMethodDecoratorContext): T {
  return function (this: unknown, ...args: Parameters<T>): ReturnType<T> {
    console.debug(String(context.name), args.length)
    return target.apply(this, args)
  } as T
}

abstract class Base<Options extends { base: string } = { base: string }> {
  static #instances = 0
  static {
    Base.#instances = 0
  }

  protected constructor(protected readonly options: Options) {
    Base.#instances += 1
  }

  protected async send<R>(path: `/${string}`, data?: unknown, method: keyof Taro.request.Method = 'POST'): Promise<R> {
    const { data: body } = await Taro.request<R>({ url: `${this.options.base}${path}`, data: data as any, method })
    return body
  }
}

export class UserStore extends Base {
  @observable accessor token: string | undefined = undefined
  #busy = false

  constructor() {
    super({ base: 'https://api.example.com' } satisfies { base: string })
    makeObservable(this)
  }

  get busy(): boolean {
    return this.#busy
  }

  @logged
  @action.bound
  async phone(code: string) {
    if (this.#busy) return
    this.#busy = true
    try {
      const { token } = await this.send<{ token: string }>('/phone', { code })
      this.token = token
    } finally {
      this.#busy = false
    }
  }
}

export const userStore = new UserStore()
