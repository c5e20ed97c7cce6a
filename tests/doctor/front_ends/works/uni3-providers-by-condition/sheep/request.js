export default function request(options) {
  return new Promise((resolve, reject) =>
    uni.request({ ...options, url: 'https://api.example.com' + options.url, success: (r) => resolve(r.data), fail: reject })
  )
}
