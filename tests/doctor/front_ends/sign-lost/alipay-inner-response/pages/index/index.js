Page({
  onLoad() {
    my.getAuthCode({ scopes: 'auth_base', success: (res) => { this.authCode = res.authCode; } });
  },
  onGetAuthorize() {
    my.getPhoneNumber({
      success: (res) => {
        let response = JSON.parse(res.response);
        let encry = response.response; // 微信小程序叫 encryptedData
        this.submit(encry);
      },
      fail: (err) => console.log(err),
    });
  },
  submit(encry) {
    my.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { auth_code: this.authCode, encry },
    });
  },
  onAuthError() {},
});
