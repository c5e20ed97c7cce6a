import { post } from '../../utils/http';

Page({
  onPhone() {
    my.getPhoneNumber({
      success: async (res) => {
        const { response } = JSON.parse(res.response);
        await post('/phone', { response });
      },
    });
  },
});
