Page({
  onLoad() {
    tt.login({ success: ({ code }) => { this.code = code; } });
  },
  getPhoneNumberHandler({ detail }) {
    if (!detail.encryptedData) return;
    tt.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: { code: this.code, encryptedData: detail.encryptedData, iv: detail.iv },
    });
  },
});
