var ACTIONS = { ok: 0, deny: 1 }
Page({
  ['on' + 'Show']: function () {},
  onPhone: function (e) {
    var kind = 'code' in e.detail ? ACTIONS.ok : ACTIONS.deny, d = e.detail
    outer: for (var i = 0; i < 1; i++) {
      switch (kind) {
        case ACTIONS.deny:
          break outer
        case ACTIONS.ok:
        default:
          (0, wx.request)({ url: 'https://api.example.com/phone', ['met' + 'hod']: 'POST', data: (void 0, { code: d.code }) })
      }
    }
  }
})
