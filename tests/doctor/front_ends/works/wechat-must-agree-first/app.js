App({
  globalData: { ready: false },
  onLaunch() {
    setTimeout(() => { this.globalData.ready = true }, 300)
  }
})
