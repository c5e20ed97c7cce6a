export default function request(url, data, method, hideLoading) {
  if (!hideLoading) uni.showLoading()
  return new Promise((resolve, reject) => {
    uni.request({
      url: 'https://api.example.com/' + url,
      data: data,
      method: method,
      success: (res) => resolve(res.data),
      fail: reject,
      complete: () => uni.hideLoading()
    })
  })
}
