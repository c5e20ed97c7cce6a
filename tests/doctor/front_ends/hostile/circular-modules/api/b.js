import * as all from './index'
export const post = (url, data) => new Promise((ok) => wx.request({ url: all.base + url, method: 'POST', data, success: ok }))
