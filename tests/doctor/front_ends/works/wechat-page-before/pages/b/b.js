Page({
  onPhone({ detail }) {
    if (!detail.code) return
    this.getOpenerEventChannel().emit('phone', { code: detail.code })
    wx.navigateBack()
  }
})
