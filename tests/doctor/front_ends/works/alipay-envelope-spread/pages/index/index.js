const { post } = require('/utils/http');

Page({
  onPhone() {
    my.getPhoneNumber({
      success: (res) => {
        let data = {};
        try {
          data = JSON.parse(res.response);
        } catch (e) {
          my.showToast({ content: '返回格式有误' });
          return;
        }
        post('/phone', { ...data, shopId: 12 });
      },
    });
  },
});
