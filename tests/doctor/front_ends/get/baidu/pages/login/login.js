Page({
    onLoad() {
        swan.getLoginCode({ success: res => { this.code = res.code; } });
    },
    getPhoneNumber(e) {
        swan.request({
            url: 'https://api.example.com/user',
            data: {
                code: this.code,
                encrypted_data: e.detail.encryptedData,
                iv: e.detail.iv
            }
        });
    }
});
