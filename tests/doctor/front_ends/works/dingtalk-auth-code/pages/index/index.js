Page({
  login() {
    dd.getAuthCode({
      corpId: 'ding0123456789abcdef',
      success: ({ authCode }) => {
        dd.httpRequest({
          url: 'https://api.example.com/dingtalk/phone',
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          data: JSON.stringify({ authCode }),
          dataType: 'json',
          success: (res) => this.setData({ name: res.data.name }),
          fail: () => dd.showToast({ content: '登录失败', type: 'fail' }),
        });
      },
    });
  },
});
