export function post(url, data) {
  return new Promise((resolve, reject) => {
    wx.request({
      url: 'https://api.example.com' + url,
      method: 'POST',
      data,
      success: (res) => (res.data.code === 0 ? resolve(res.data.data) : reject(new Error(res.data.msg))),
      fail: () => reject(new Error('网络错误'))
    })
  })
}
