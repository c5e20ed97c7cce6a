export default (path, data, method = 'get') =>
  new Promise((resolve) => uni.request({ url: `https://shop.example.com/${path}`, data, method, success: resolve }))
