/** The way out by text message. A file of its own, because not every mini program has it. */
export * from './entry.js'
export * from './sms-code.js'
