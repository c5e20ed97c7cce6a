/** What a mini program is made of. */

import type { Platform } from './types'

/** The content of each file by path: text, or a data URL for an image. */
export type Files = Record<string, string>

/** Files that are read. What is not in this list is not. */
export const EXTENSIONS: Record<Platform, RegExp> = {
  wechat: /\.(json|js|wxml|wxss|wxs)$/,
  alipay: /\.(json|js|axml|acss|sjs)$/,
}
export const IMAGES = /\.(png|jpe?g|gif|webp|svg)$/i

/** Tells the platform by the templates; a folder holds one. */
export function platformOf(paths: Iterable<string>): Platform | undefined {
  for (const path of paths) {
    if (path.endsWith('.wxml')) return 'wechat'
    if (path.endsWith('.axml')) return 'alipay'
  }
  return undefined
}
