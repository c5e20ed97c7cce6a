const { post } = require('../../utils/http');

Page({
  onPhone() {
    my.getPhoneNumber({
      success: (res) => {
        post('/decrypt', { response: res.response }).then((r) => {
          post('/login', { openId: this.openId, mobile: r.data.mobile }).then(() => my.navigateBack());
        });
      },
    });
  },
});
