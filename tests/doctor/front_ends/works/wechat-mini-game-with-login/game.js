const api = 'https://api.example.com/game'
const state = { loginCode: '' }

function renewLogin() {
  wx.login({ success: (res) => { state.loginCode = res.code } })
}

function bindPhone(code) {
  wx.request({
    url: api + '/phone-number',
    method: 'POST',
    data: { login_code: state.loginCode, authorization: { code } },
    success: (res) => console.log(res.data.masked),
    complete: renewLogin,
  })
}

renewLogin()

wx.onTouchEnd(() => {
  wx.getPhoneNumber({
    phoneNumberNoQuotaToast: false,
    success: (res) => bindPhone(res.code),
    fail: (res) => {
      if (res.errno === 1400001) wx.showToast({ title: '暂时无法使用', icon: 'none' })
    },
  })
})
