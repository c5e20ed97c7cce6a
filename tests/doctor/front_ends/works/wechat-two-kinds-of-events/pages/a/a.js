Page({
  onAuth(e) {
    if (e.type === 'getuserinfo') {
      this.setData({ avatar: e.detail.userInfo && e.detail.userInfo.avatarUrl })
      return
    }
    if (e.detail.code) wx.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: e.detail.code } })
  }
})
