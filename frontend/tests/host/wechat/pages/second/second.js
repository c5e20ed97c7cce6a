Page({ data: { from: "" }, onLoad({ from }) { this.setData({ from }) }, back() { wx.navigateBack() } })
