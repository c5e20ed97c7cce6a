Page({
  onLoad() {
    my.getAuthCode({
      scopes: 'auth_base',
      success: (res) => {
        this.authCode = res.authCode;
      },
    });
  },
  onGetAuthorize() {
    my.getPhoneNumber({
      success: (res) => {
        // response 原样提交，服务端验签、解密
        my.request({
          url: 'https://api.example.com/alipay/phone',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          data: { response: res.response, authCode: this.authCode },
          success: () => my.showToast({ content: '登录成功' }),
        });
      },
      fail: (err) => console.log('getPhoneNumber_fail', err),
    });
  },
  onAuthError(e) {
    my.showToast({ content: e.detail.errorMessage || '已取消授权' });
  },
});
