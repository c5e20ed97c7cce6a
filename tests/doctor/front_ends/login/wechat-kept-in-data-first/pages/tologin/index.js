var app = getApp()

Page({
  data: { code: null },
  bindgetphonenumber(e) {
    wx.login({
      success: (res) => {
        this.setData({ code: res.code })
        let wxInfo = { encryptedData: e.detail.encryptedData, iv: e.detail.iv }
        let paramer = { from: 0, code: this.data.code, wxInfo: wxInfo }
        app.userLogin(paramer)
      }
    })
  }
})
