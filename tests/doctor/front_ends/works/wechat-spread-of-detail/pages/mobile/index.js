const HOST = wx.getExtConfigSync().auth_host
const APPID = wx.getAccountInfoSync().miniProgram.appId

Page({
  onLoad() {},

  getPhoneNumber(e) {
    if (e.detail.errMsg !== 'getPhoneNumber:ok') return
    wx.request({
      url: HOST + '/wechat/program_users/mobile',
      method: 'POST',
      header: { Accept: 'application/json', Authorization: wx.getStorageSync('authToken') },
      data: {
        appid: APPID,
        ...e.detail
      },
      success: () => wx.navigateBack()
    })
  }
})
