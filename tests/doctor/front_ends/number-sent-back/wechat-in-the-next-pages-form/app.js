App({ globalData: { mobile: '' } })
