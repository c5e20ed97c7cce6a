var app = getApp();

Page({
  onGetAuthorize(res) {
    my.getPhoneNumber({
      success: (result) => {
        let encryptedData = result.response;
        my.request({
          url: app.serverUrl + '/member/phone',
          method: 'POST',
          data: { encryptedData: encryptedData, memberId: app.globalData.memberId },
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        });
      },
    });
  },
  onAuthError(res) {
    console.log(res);
  },
});
