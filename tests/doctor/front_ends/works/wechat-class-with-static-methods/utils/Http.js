class Http {
  static baseUrl = 'https://api.example.com'

  static async request({ url, method = 'GET', data }) {
    return new Promise((resolve, reject) => {
      wx.request({
        url: Http.baseUrl + url,
        method,
        data,
        success: (res) => resolve(res.data),
        fail: (err) => reject(err)
      })
    })
  }

  static get(url, data) {
    return Http.request({ url, data })
  }

  static post(url, data) {
    return Http.request({ url, method: 'POST', data })
  }
}

export default Http
