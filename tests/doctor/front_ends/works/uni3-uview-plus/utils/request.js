class Request {
  constructor(config) {
    this.baseUrl = config.baseUrl
  }

  send(url, method, data) {
    return new Promise((resolve, reject) => {
      uni.request({ url: this.baseUrl + url, method, data, success: (r) => resolve(r.data), fail: reject })
    })
  }

  get(url, data) {
    return this.send(url, 'GET', data)
  }

  post(url, data) {
    return this.send(url, 'POST', data)
  }
}

export default new Request({ baseUrl: 'https://api.example.com' })
