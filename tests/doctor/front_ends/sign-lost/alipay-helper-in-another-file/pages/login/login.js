import { getEncryptedPhone } from '../../utils/auth';
import { loginByPhone } from '../../api/user';

Page({
  async login() {
    const encryptedData = await getEncryptedPhone();
    await loginByPhone({ encryptedData });
    my.navigateBack();
  },
  deny() {},
});
