/** How much a folder may bring, and how much it may say. */

export const MOST_FILES = 3000
export const MOST_TEXT = 8 * 1024 * 1024
export const MOST_IMAGE = 512 * 1024
export const MOST_BODY = 128 * 1024
export const MOST_PATH = 2048
export const MOST_HEADERS = 32
export const MOST_HEADER = 4096
export const MOST_WORDS = 2000
export const MOST_AT_ONCE = 10 // as WeChat
export const MOST_WAITING = 100
