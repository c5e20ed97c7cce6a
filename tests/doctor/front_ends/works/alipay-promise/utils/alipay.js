const promisify = (name) => (options) =>
  new Promise((resolve, reject) => my[name]({ ...options, success: resolve, fail: reject }));

export const getPhoneNumber = () =>
  new Promise((resolve, reject) => {
    my.getPhoneNumber({ success: resolve, fail: reject });
  });
export const getAuthCode = promisify('getAuthCode');
