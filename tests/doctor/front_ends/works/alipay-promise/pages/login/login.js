import { getAuthCode, getPhoneNumber } from '../../utils/alipay';
import { post } from '../../utils/request';

Page({
  async onLoad() {
    const { authCode } = await getAuthCode({ scopes: 'auth_base' });
    this.authCode = authCode;
  },
  async handleAuthorize() {
    try {
      const { response } = await getPhoneNumber();
      const user = await post('/login', { response, authCode: this.authCode });
      this.setData({ user });
    } catch (e) {
      my.showToast({ type: 'fail', content: '登录失败' });
    }
  },
  handleError() {},
});
