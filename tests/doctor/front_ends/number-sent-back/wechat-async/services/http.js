export async function post(path, data) {
  return new Promise((resolve, reject) => {
    wx.request({ url: `https://api.example.com${path}`, method: 'POST', data, success: (r) => resolve(r.data), fail: reject })
  })
}
