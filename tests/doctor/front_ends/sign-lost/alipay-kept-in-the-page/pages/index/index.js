Page({
  data: { phoneCipher: '' },
  onPhone() {
    const that = this;
    my.getPhoneNumber({
      success(res) {
        var obj = JSON.parse(res.response);
        that.setData({ phoneCipher: obj.response });
      },
    });
  },
  confirm() {
    my.request({
      url: 'https://api.example.com/login',
      method: 'POST',
      data: { response: this.data.phoneCipher },
    });
  },
});
