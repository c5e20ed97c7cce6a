Page({
  onPhone(e) {
    console.log(e.detail.errMsg)
    console.log(e.detail.code)
  }
})
