Page({
    getPhoneNumber(e) {
        if (swan.canIUse('getLoginCode')) {
            swan.getLoginCode({
                success: res => {
                    swan.request({
                        url: 'https://api.example.com/phone',
                        method: 'POST',
                        data: {code: res.code, encryptedData: e.detail.encryptedData, iv: e.detail.iv}
                    });
                }
            });
        }
    }
});
