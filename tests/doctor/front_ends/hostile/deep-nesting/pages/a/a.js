Page({
  onPhone(res) {
    const e = res
    wx.showLoading({
      success: (res) => {
        wx.getSystemInfo({
          success: (res) => {
            wx.getStorage({
              key: 'token',
              success: (res) => {
                const token = res.data
                wx.getNetworkType({
                  success: (res) => {
                    if (res.networkType === 'none') return
                    wx.request({
                      url: 'https://api.example.com/phone',
                      method: 'POST',
                      header: { token },
                      data: { code: e.detail.code },
                      success: (res) => {
                        wx.request({
                          url: 'https://api.example.com/me',
                          header: { token },
                          success: (res) => this.setData({ me: res.data })
                        })
                      }
                    })
                  }
                })
              }
            })
          }
        })
      }
    })
  }
})
