var util = require('../../utils/util.js');
Page({
  data: {},
  onLoad: function (options) {
    var that = this;
    wx.login({
      success: function (res) {
        that.code = res.code;
      }
    });
  },
  getPhoneNumber: function (e) {
    var that = this;
    if (e.detail.errMsg != "getPhoneNumber:ok") {
      return;
    }
    var iv = e.detail.iv;
    var encryptedData = e.detail.encryptedData;
    util.ajax('/login/phone', { code: that.code, iv: iv, encryptedData: encryptedData }, function (res) {
      if (res.code == 1) {
        wx.setStorageSync('token', res.data.token);
        wx.navigateBack({ delta: 1 });
      } else {
        wx.showToast({ title: res.msg, icon: 'none' });
      }
    });
  }
});
