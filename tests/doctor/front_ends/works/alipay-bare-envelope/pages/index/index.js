Page({
  onPhone() {
    my.getPhoneNumber({
      success: (res) => {
        let encryptedData = res.response;
        my.request({
          url: 'https://api.example.com/phone',
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          data: encryptedData,
        });
      },
      fail: (res) => {
        console.log(res);
      },
    });
  },
});
