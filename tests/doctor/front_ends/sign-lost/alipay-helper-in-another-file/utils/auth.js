/** 获取加密手机号 */
export function getEncryptedPhone() {
  return new Promise((resolve, reject) => {
    my.getPhoneNumber({
      success: (res) => {
        const result = JSON.parse(res.response);
        if (typeof result.response === 'string') {
          resolve(result.response);
        } else {
          reject(result.response);
        }
      },
      fail: reject,
    });
  });
}
