export default function request({ url, method = 'GET', data = {} }) {
  return new Promise((resolve, reject) => {
    wx.request({ url: 'https://api.example.com' + url, method, data, success: ({ data }) => resolve(data), fail: reject })
  })
}
