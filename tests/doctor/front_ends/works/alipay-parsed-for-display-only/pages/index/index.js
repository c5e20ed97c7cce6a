Page({
  onLoad() {
    my.getAuthCode({ scopes: ['auth_base'], success: ({ authCode }) => { this.authCode = authCode; } });
  },
  getPhone() {
    my.getPhoneNumber({
      success: (res) => {
        const { response } = JSON.parse(res.response);
        if (typeof response === 'object' && response.code !== '10000') {
          my.alert({ content: response.subMsg });
          return;
        }
        console.log('密文长度', response.length);
        my.request({
          url: 'https://api.example.com/phone',
          method: 'POST',
          data: { auth_code: this.authCode, response: res.response },
        });
      },
    });
  },
  deny() {},
});
