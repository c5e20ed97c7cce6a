import wechat from './wechat'

let provider = ''
// #ifdef MP-WEIXIN
provider = 'wechat'
// #endif
// #ifdef APP-PLUS
provider = 'app'
// #endif

const useProvider = (name = '') => {
  if (name === '') name = provider
  if (name === 'wechat') return wechat
}

export default { name: provider, useProvider }
