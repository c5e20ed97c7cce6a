function baseRequest(url, method, data, { noAuth = false, noVerify = false }) {
  let header = { 'content-type': 'application/json' }
  // #ifdef MP
  header['Form-type'] = 'routine'
  // #endif
  if (!noAuth) {
    header['Authori-zation'] = 'Bearer ' + uni.getStorageSync('token')
  }
  return new Promise((reslove, reject) => {
    uni.request({
      url: 'https://api.example.com/api/' + url,
      method: method || 'GET',
      header: header,
      data: data || {},
      success: (res) => {
        if (noVerify) reslove(res.data, res)
        else if (res.data.status == 200) reslove(res.data, res)
        else reject(res.data.msg || '系统错误')
      },
      fail: () => reject('请求失败')
    })
  })
}

const request = {}

;['options', 'get', 'post', 'put', 'head', 'delete', 'trace', 'connect'].forEach((method) => {
  request[method] = (api, data, opt) => baseRequest(api, method, data, opt || {})
})

export default request
