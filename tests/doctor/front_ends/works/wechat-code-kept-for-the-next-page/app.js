App({ globalData: { phoneCode: '' } })
