Page({
  onPhone() {
    my.getPhoneNumber({
      success: (res) => {
        let body = res.response;
        try {
          body = JSON.parse(body);
          body = body.response;
        } catch (e) {
          console.log(e);
        }
        my.request({
          url: 'https://api.example.com/phone',
          method: 'POST',
          data: { body },
        });
      },
    });
  },
});
