Page({
  onPhone({ detail }) {
    if (detail.code) wx.navigateTo({ url: `/pages/b/b?code=${detail.code}&from=login` })
  }
})
