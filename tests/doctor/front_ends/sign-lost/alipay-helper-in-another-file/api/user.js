export const loginByPhone = (params) =>
  new Promise((resolve, reject) => {
    my.request({
      url: 'https://api.example.com/login',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      data: params,
      success: resolve,
      fail: reject,
    });
  });
