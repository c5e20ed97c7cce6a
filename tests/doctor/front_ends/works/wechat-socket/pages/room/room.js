Page({
  onLoad() {
    this.socket = wx.connectSocket({ url: 'wss://game.example.com/ws' })
    this.socket.onMessage(({ data }) => console.log(data))
  },
  onPhone(e) {
    if (e.detail.code) this.socket.send({ data: JSON.stringify({ type: 'phone', code: e.detail.code }) })
  }
})
