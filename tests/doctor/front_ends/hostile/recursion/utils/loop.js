export const ping = (n, data) => (n > 0 ? pong(n - 1, data) : send(data))
export const pong = (n, data) => (n > 0 ? ping(n - 1, data) : send(data))
export function send(data, tries = 3) {
  return new Promise((resolve, reject) =>
    wx.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data,
      success: resolve,
      fail: (err) => (tries > 0 ? send(data, tries - 1).then(resolve, reject) : reject(err))
    })
  )
}
