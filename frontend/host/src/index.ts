export { mount } from './engine'
export type * from './types'
