/** A fake `my`. What it does not have is undefined, so that a page's feature tests are honest. */

import type { Phone } from './device'
import { Failed, request, type Request } from './request'
import { type Callbacks, type Navigate, type Screen, settle, shared, Storage } from './system'
import { canIUse } from './wx'

const OPEN_TYPES = ['getAuthorize']

export function my(
  phone: Phone,
  info: Record<string, unknown>,
  navigate: Navigate,
  screen: Screen,
): Record<string, unknown> {
  const storage = new Storage()
  const no = (error: unknown) => ({
    error: error instanceof Failed ? CODES[error.kind] : 10,
    errorMessage: error instanceof Error ? error.message : String(error),
  })
  const send = (asked: Request & Callbacks) => {
    settle(
      { complete: () => undefined, ...asked },
      request(phone, asked).then(({ status, headers, data }) => {
        if (status >= 400) throw { error: 19, errorMessage: 'http status error', status, headers, data }
        return { status, headers, data }
      }),
      (error) => (error instanceof Error ? no(error) : (error as object)),
    )
    return { abort() {} }
  }
  const api: Record<string, unknown> = {
    ...shared(info, navigate, screen),
    SDKVersion: info['SDKVersion'],
    env: {
      clientName: 'ap',
      clientVersion: info['version'],
      language: 'zh-Hans',
      platform: 'devtools',
      USER_DATA_PATH: '',
    },
    canIUse: (schema: string) => schema === 'component2' || canIUse(schema, api, OPEN_TYPES),
    getAuthCode: (asked?: Callbacks) =>
      settle(
        asked,
        phone.login().then(({ code }) => ({ authCode: code, authSuccessScopes: ['auth_base'], authErrorScopes: {} })),
        no,
      ),
    getPhoneNumber: (asked?: Callbacks) =>
      settle(
        asked,
        phone.number().then((event) => {
          if (!('response' in event)) throw new Error('the platform gave no response')
          return event
        }),
        no,
      ),
    request: send,
    httpRequest: send,
    getAppIdSync: () => ({ appId: 'simulated' }),
    alert: (asked: { title?: string; content?: string; buttonText?: string } & Callbacks) =>
      settle(
        asked,
        screen
          .modal([asked.title, asked.content].filter(Boolean).join('\n'), asked.buttonText ?? '我知道了', undefined)
          .then(() => ({})),
        no,
      ),
    confirm: (
      asked: { title?: string; content?: string; confirmButtonText?: string; cancelButtonText?: string } & Callbacks,
    ) =>
      settle(
        asked,
        screen
          .modal(
            [asked.title, asked.content].filter(Boolean).join('\n'),
            asked.confirmButtonText ?? '确定',
            asked.cancelButtonText ?? '取消',
          )
          .then((confirm) => ({ confirm })),
        no,
      ),
    getStorageSync: ({ key }: { key: string }) => ({ data: storage.get(key) ?? null }),
    setStorageSync: ({ key, data }: { key: string; data: unknown }) => storage.set(key, data),
    removeStorageSync: ({ key }: { key: string }) => storage.remove(key),
    clearStorageSync: () => storage.clear(),
    getStorage: (asked: { key: string } & Callbacks) =>
      settle(asked, Promise.resolve({ data: storage.get(asked.key) ?? null }), no),
    setStorage: (asked: { key: string; data: unknown } & Callbacks) =>
      settle(asked, Promise.resolve((storage.set(asked.key, asked.data), {})), no),
  }
  return api
}

/** The numbers of my.request's errors. */
const CODES: Record<Failed['kind'], number> = { url: 11, large: 2, timeout: 13, network: 12 }
