Page({
  onGetAuthorize(res) {
    my.getPhoneNumber({
      success: (res) => {
        let encryptedData = res.response;
        my.request({
          url: 'https://api.example.com/phone',
          data: encryptedData,
        });
      },
      fail: (res) => {
        console.log(res);
        console.log('getPhoneNumber_fail');
      },
    });
  },
  onAuthError(res) {},
});
