const request = (method) => (url, data) =>
  new Promise((resolve, reject) => {
    tt.request({
      url: 'https://api.example.com' + url,
      method,
      data,
      success: (res) => resolve(res.data),
      fail: reject,
    });
  });

module.exports = { get: request('GET'), post: request('POST') };
