export { default as userApi } from './modules/user'
export { default as shopApi } from './modules/shop'
