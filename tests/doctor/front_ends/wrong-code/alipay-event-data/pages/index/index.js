Page({
  onGetAuthorize(e) {
    my.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { encryptedData: e.detail.encryptedData, sign: e.detail.sign },
    });
  },
});
