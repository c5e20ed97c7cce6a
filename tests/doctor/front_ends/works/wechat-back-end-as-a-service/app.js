App({ onLaunch() { wx.BaaS = requirePlugin('sdkPlugin'); wx.BaaS.wxExtend(wx.login, wx.getUserInfo, wx.requestPayment); wx.BaaS.init('client-id'); wx.BaaS.auth.loginWithWechat() } })
