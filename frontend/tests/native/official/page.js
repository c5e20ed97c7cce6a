// From Alipay's page on my.getPhoneNumber, https://opendocs.alipay.com/mini/api/getphonenumber, unchanged from here on.
Page({
  getPhoneNumber() {
    my.getPhoneNumber({
      success: (res) => {
        my.request({
          method: 'POST',
          url: 'https://your-server-address', // 替换成自己的服务端地址
          data: res.response,
          success: (res) => {
            my.alert({
              title: 'getPhoneNumber 解密结果',
              content: JSON.stringify(res.data),
            });
          },
          fail: (res) => {
            my.alert({
              title: 'getPhoneNumber 解密失败',
              content: JSON.stringify(res),
            });
          }
        });
      },
      fail: (res) => {
        my.alert({
          title: 'getPhoneNumber 失败',
          content: JSON.stringify(res),
        });
      }
    });
  },
  handleAuthError(e) {
    my.alert({ title: '用户拒绝授权', content: JSON.stringify(e.detail) });
  }
});
