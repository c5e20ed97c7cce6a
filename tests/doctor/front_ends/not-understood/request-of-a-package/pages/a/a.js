import sdk from '@acme/mini-sdk'

Page({
  onPhone(e) {
    sdk.auth.exchange(e.detail)
  }
})
