Page({
  onLoad() {
    this.getSessionKey().then((sessionKey) => { this.sessionKey = sessionKey; });
  },
  getSessionKey() {
    return new Promise((resolve) => {
      tt.login({
        success: ({ code }) => {
          tt.request({
            url: 'https://api.example.com/session',
            method: 'POST',
            data: { code },
            success: (res) => resolve(res.data.session_key),
          });
        },
      });
    });
  },
  gotPhoneNumber(e) {
    tt.request({
      url: 'https://api.example.com/decrypt',
      method: 'POST',
      data: { encryptedData: e.detail.encryptedData, iv: e.detail.iv, session_key: this.sessionKey },
    });
  },
});
