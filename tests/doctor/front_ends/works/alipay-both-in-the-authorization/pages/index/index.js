Page({
  data: { can: my.canIUse('button.open-type.getAuthorize') },
  onPhone() {
    my.getPhoneNumber({
      success: ({ response: raw }) => {
        const { response, sign } = JSON.parse(raw);
        const body = { login_code: this.authCode, authorization: { response, sign } };
        my.request({ url: 'https://api.example.com/phone', method: 'POST', headers: { 'content-type': 'application/json' }, data: JSON.stringify(body) });
      },
    });
  },
});
