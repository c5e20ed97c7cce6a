Page({
    getPhoneNumber(e) {
        const me = this;
        wx.getStorage({
            key: 'code',
            success(res) {
                // 用加密数据换取解密后的数据
                const data = {
                    code: res.data,
                    iv: e.detail.iv,
                    encryptedData: e.detail.encryptedData
                };
                wx.request({
                    method: 'GET',
                    url: 'https://api.example.com/authMobile',
                    data,
                    success(result) {
                        me.setData({ str: result.data.msg });
                    }
                });
            }
        });
    }
});
