export const post = (url, data) =>
  new Promise((resolve, reject) => my.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: resolve, fail: reject }));
