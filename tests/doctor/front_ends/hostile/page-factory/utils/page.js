const defaults = { data: { loading: false }, onShareAppMessage: () => ({ title: '分享' }) }

export function createPage(options) {
  return Page({ ...defaults, ...options, data: { ...defaults.data, ...options.data } })
}
