/** The host, for a page: it runs a mini program that was compiled before, or a folder of files in a frame. */

import { Device } from './device'
import { start } from './engine'
import type { Mounted, Options } from './types'

/** Runs a compiled mini program in an element. It needs no eval and no inline style. */
export function mount(element: HTMLElement, { folder, sheet, api, ...opening }: Options): Mounted {
  return start(element, folder, new Device(folder.platform, sheet, api), opening)
}

export { open } from './link'
export { pick, Unfit } from './pick'
export type * from './types'
