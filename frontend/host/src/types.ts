/** What the host takes and gives. */

export type Platform = 'wechat' | 'alipay'

/** A mini program whose templates are compiled. The tools make it from a folder of files. */
export interface Folder {
  platform: Platform
  /** `app.json` and the JSON files of pages and components, by path without extension. */
  json: Record<string, Json>
  /** The scripts, by path without extension. They take the values of `GLOBALS`, in that order. */
  modules: Record<string, (...globals: unknown[]) => void>
  /** What the template compiler made, by path without extension. */
  templates: Record<string, unknown>
  /** The style sheets, by path without extension. */
  styles: Record<string, string>
  /** Alipay: the properties that templates set, by the tag of a component. */
  attributes?: Record<string, string[]>
  /** Images as data URLs, by path with extension. */
  assets?: Record<string, string>
}

export interface Json {
  pages?: string[]
  usingComponents?: Record<string, string>
  component?: boolean
  navigationBarTitleText?: string
  defaultTitle?: string
  window?: Json
  [name: string]: unknown
}

/** What the platform asks the user. */
export interface SheetRequest {
  platform: Platform
  /** Such as `getPhoneNumber`, `getRealtimePhoneNumber` or `getAuthorize`. */
  openType: string
}

/** Shows the platform's sheet. Resolves with true if the user allows, and with null if the sheet was taken away. */
export type Sheet = (request: SheetRequest) => Promise<boolean | null>

export interface Sent {
  method: string
  /** The path and query of the address; whatever host the page names, the service gets it. */
  path: string
  headers: Record<string, string>
  body: string
}

export interface Received {
  status: number
  headers: Record<string, string>
  body: string
}

/** The platform and the network behind the host. */
export interface Api {
  /** What `wx.login` and `my.getAuthCode` give. */
  login(): Promise<{ code: string }>
  /** What the platform hands to the page after the sheet. */
  tap(answer: { allow: boolean }): Promise<{ event: Record<string, unknown> }>
  send(request: Sent): Promise<Received>
}

/** How a mini program is opened. */
export interface Opening {
  /** The page to open, with a query; the first of `app.json` if absent. */
  page?: string
  /** Called with the title of the page that is shown. */
  onTitle?: (title: string) => void
  /** Called with what the mini program throws or rejects. */
  onError?: (error: unknown) => void
  /** Replaces parts of what the system tells about itself, such as `SDKVersion`. */
  system?: Record<string, unknown>
  /** Functions of `wx` or `my` that it lacks, as on an old base library. */
  without?: string[]
  /** What `wx.getExtConfigSync` and `my.getExtConfigSync` give. */
  config?: Record<string, unknown>
}

export interface Options extends Opening {
  folder: Folder
  sheet: Sheet
  api: Api
}

export interface Mounted {
  /** The shadow root in which the mini program is drawn. */
  root: ShadowRoot
  /** Goes to the page, with a query. */
  open(page: string): void
  /** Tells the page that it is shown again, after it was covered. */
  show(): void
  destroy(): void
}
