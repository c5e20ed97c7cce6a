Page({
  onPhone() {
    my.getAuthCode({
      scopes: 'auth_base',
      success: ({ authCode }) => {
        my.getPhoneNumber({
          success: ({ response }) => {
            my.request({ url: 'https://api.example.com/phone', method: 'POST', data: { authCode, response } });
          },
        });
      },
    });
  },
});
