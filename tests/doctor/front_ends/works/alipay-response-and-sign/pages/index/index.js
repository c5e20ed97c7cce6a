Page({
  onLoad() {
    my.getAuthCode({ scopes: 'auth_base', success: (r) => { this.auth_code = r.authCode; } });
  },
  onPhone() {
    my.getPhoneNumber({
      success: ({ response }) => {
        const envelope = JSON.parse(response);
        my.request({
          url: 'https://api.example.com/phone',
          method: 'POST',
          data: {
            response: envelope.response,
            sign: envelope.sign,
            sign_type: envelope.sign_type,
            charset: envelope.charset,
            auth_code: this.auth_code,
          },
        });
      },
    });
  },
  onError() {},
});
