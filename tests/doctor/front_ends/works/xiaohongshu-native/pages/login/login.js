Page({
  onLoad() {
    xhs.login({
      success: ({ code }) => {
        this.loginCode = code;
      },
    });
  },
  onPhone({ detail }) {
    // 个别机型 errMsg 是 ok，却没有数据
    if (detail.errMsg !== 'getPhoneNumber:ok' || !detail.encryptedData) {
      xhs.showToast({ title: '请稍后再试', icon: 'none' });
      return;
    }
    xhs.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code: this.loginCode, encryptedData: detail.encryptedData, iv: detail.iv },
    });
  },
});
