export { PhoneButton } from './button.js'
export { detect } from './hosts.js'
export type * from './types.js'
