export const post = (url, data) =>
  new Promise((resolve, reject) => {
    my.request({
      url: `https://api.example.com${url}`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      dataType: 'json',
      data,
      success: (res) => resolve(res.data),
      fail: reject,
    });
  });
