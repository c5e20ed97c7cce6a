/** The button and the fields of the fallback, as one file. */
export * from './index.js'
export * from './sms.js'
