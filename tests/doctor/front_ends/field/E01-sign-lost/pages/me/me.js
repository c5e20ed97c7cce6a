Page({
  onLoad() {
    my.getAuthCode({ scopes: ['auth_base'], success: ({ authCode }) => { this.authCode = authCode; } });
  },
  refuse() {},
  agree() {
    my.getPhoneNumber({
      success: (answer) => {
        const sealed = JSON.parse(answer.response);
        my.request({
          url: 'https://shop.example.com/phone/open',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          data: { code: this.authCode, response: sealed.response },
        });
      },
    });
  },
});
