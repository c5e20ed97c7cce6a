// #ifdef H5
import service from './h5'
// #endif

// #ifdef MP-WEIXIN
import service from './mini'
// #endif

// #ifdef APP-PLUS
import service from './app'
// #endif

let wechat = {}
if (typeof service !== 'undefined') {
  wechat = service
}
export default wechat
