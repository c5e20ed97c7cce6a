Page({
    data: {},
    onLoad() {
        swan.getLoginCode({
            success: res => {
                this.code = res.code;
            },
            fail: err => {
                console.log('getLoginCode fail', err);
            }
        });
    },
    getPhoneNumber(e) {
        if (e.detail.errMsg === 'getPhoneNumber:fail auth deny') {
            return;
        }
        swan.request({
            url: 'https://api.example.com/baidu/phone',
            method: 'POST',
            header: {'content-type': 'application/json'},
            data: {
                code: this.code,
                encryptedData: e.detail.encryptedData,
                iv: e.detail.iv
            },
            success: res => {
                swan.setStorageSync('token', res.data.token);
            }
        });
    }
});
