const { post } = require('../../utils/request');

Page({
  onLoad() {
    tt.login({
      force: true,
      success: (res) => {
        this.loginCode = res.code;
      },
    });
  },
  async onGetPhoneNumber(e) {
    if (e.detail.errMsg.slice(-2) !== 'ok') {
      tt.showToast({ title: '授权失败', icon: 'none' });
      return;
    }
    const user = await post('/phone', { login_code: this.loginCode, code: e.detail.code });
    tt.setStorageSync('token', user.token);
  },
});
