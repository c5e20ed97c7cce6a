export const getWxCode = () =>
  new Promise((resolve, reject) => {
    wx.login({
      success: (res) => (res.code ? resolve(res.code) : reject(new Error('登录失败'))),
      fail: reject
    })
  })
