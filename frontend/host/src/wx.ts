/** A fake `wx`. What it does not have is undefined, so that a page's feature tests are honest. */

import type { Phone } from './device'
import { Failed, request, type Request } from './request'
import { type Callbacks, type Navigate, type Screen, settle, shared, Storage } from './system'

/** Open types of the button that this host knows. */
const OPEN_TYPES = ['getPhoneNumber', 'getRealtimePhoneNumber', 'agreePrivacyAuthorization']

export function wx(
  phone: Phone,
  info: Record<string, unknown>,
  navigate: Navigate,
  screen: Screen,
): Record<string, unknown> {
  const storage = new Storage()
  const no = (name: string) => (error: unknown) => ({
    errMsg: `${name}:fail ${error instanceof Error ? error.message : String(error)}`,
  })
  const yes = (name: string, more: object = {}) => Promise.resolve({ errMsg: `${name}:ok`, ...more })
  const api: Record<string, unknown> = {
    ...shared(info, navigate, screen),
    canIUse: (schema: string) => canIUse(schema, api, OPEN_TYPES),
    login: (asked?: Callbacks) =>
      settle(
        asked,
        phone.login().then(({ code }) => ({ errMsg: 'login:ok', code })),
        no('login'),
      ),
    checkSession: (asked?: Callbacks) => settle(asked, yes('checkSession'), no('checkSession')),
    // Of mini games. WeChat returns no promise here, so whoever waits for one has to fail here as well.
    getPhoneNumber: (asked?: Callbacks & { isRealtime?: boolean }) => {
      settle(
        { complete: () => undefined, ...asked },
        phone.ask(asked?.isRealtime ? 'getRealtimePhoneNumber' : 'getPhoneNumber').then((event) => {
          if (!String(event['errMsg']).endsWith(':ok')) throw event
          return { ...event, errMsg: 'getPhoneNumber:ok' }
        }),
        (error) => (error instanceof Error ? no('getPhoneNumber')(error) : (error as object)),
      )
    },
    request: (asked: Request & Callbacks) => {
      settle(
        { complete: () => undefined, ...asked },
        request(phone, asked).then(({ status, headers, data }) => ({
          errMsg: 'request:ok',
          statusCode: status,
          header: headers,
          data,
          cookies: [],
        })),
        (error) => ({
          errMsg: `request:fail ${(error as Failed).message}`,
          errno: ERRNO[(error as Failed).kind] ?? 600001,
        }),
      )
      return { abort() {}, onHeadersReceived() {}, offHeadersReceived() {} }
    },
    getPrivacySetting: (asked?: Callbacks) =>
      settle(
        asked,
        yes('getPrivacySetting', { needAuthorization: false, privacyContractName: '《隐私保护指引》' }),
        no('getPrivacySetting'),
      ),
    requirePrivacyAuthorize: (asked?: Callbacks) =>
      settle(asked, yes('requirePrivacyAuthorize'), no('requirePrivacyAuthorize')),
    openPrivacyContract: (asked?: Callbacks) => settle(asked, yes('openPrivacyContract'), no('openPrivacyContract')),
    onNeedPrivacyAuthorization: () => undefined,
    getUpdateManager: () => ({ onCheckForUpdate() {}, onUpdateReady() {}, onUpdateFailed() {}, applyUpdate() {} }),
    showModal: (
      asked: {
        title?: string
        content?: string
        showCancel?: boolean
        confirmText?: string
        cancelText?: string
      } & Callbacks,
    ) =>
      settle(
        asked,
        screen
          .modal(
            [asked.title, asked.content].filter(Boolean).join('\n'),
            asked.confirmText ?? '确定',
            asked.showCancel === false ? undefined : (asked.cancelText ?? '取消'),
          )
          .then((confirm) => ({ errMsg: 'showModal:ok', confirm, cancel: !confirm })),
        no('showModal'),
      ),
    getStorageSync: (key: string) => storage.get(key) ?? '',
    setStorageSync: (key: string, value: unknown) => storage.set(key, value),
    removeStorageSync: (key: string) => storage.remove(key),
    clearStorageSync: () => storage.clear(),
    getStorageInfoSync: () => ({ keys: storage.keys(), currentSize: 0, limitSize: 10240 }),
    getStorage: (asked: { key: string } & Callbacks) =>
      settle(asked, yes('getStorage', { data: storage.get(asked.key) }), no('getStorage')),
    setStorage: (asked: { key: string; data: unknown } & Callbacks) =>
      settle(
        asked,
        yes('setStorage').then((said) => (storage.set(asked.key, asked.data), said)),
        no('setStorage'),
      ),
  }
  return api
}

const ERRNO: Record<Failed['kind'], number> = { url: 600009, large: 600001, timeout: 5, network: 600001 }

/** Answers for `name`, `name.part...` and `button.open-type.NAME`. */
export function canIUse(schema: string, api: Record<string, unknown>, openTypes: string[]): boolean {
  const [name, part, value] = schema.split('.')
  if (name === 'button') return part !== 'open-type' || value === undefined || openTypes.includes(value)
  return name !== undefined && name in api
}
