Page({
    onLoad() {
        swan.getLoginCode({success: r => { this.code = r.code; }});
    },
    onPhone(e) {
        swan.request({url: 'https://api.example.com/phone', method: 'POST', data: {code: this.code, encryptedData: e.detail.encryptedData, iv: e.detail.iv}});
    }
});
