var app = getApp();

Page({
  onGetAuthorize(res) {
    my.getOpenUserInfo({
      fail: (res) => {},
      success: (res) => {
        let userInfo = JSON.parse(res.response).response; // 以下方的报文格式解析两层 response
        my.request({
          url: app.serverUrl + '/member/base',
          method: 'POST',
          data: { userInfo: JSON.stringify(userInfo), memberId: app.globalData.memberId },
        });
      },
    });
  },
  onAuthError() {},
});
