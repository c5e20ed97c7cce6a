const app = getApp();

Page({
  data: { user: { bound: false } },
  onGetAuthorize(e) {
    const self = this;
    my.getPhoneNumber({
      protocols: { isvAppId: app.globalData.isvAppId },
      success(res) {
        self.bind(res.response);
      },
    });
  },
  bind(response) {
    my.request({
      url: app.globalData.host + '/member/bind',
      method: 'POST',
      data: { response },
      success: () => this.setData({ 'user.bound': true }),
    });
  },
  onAuthError() {},
});
