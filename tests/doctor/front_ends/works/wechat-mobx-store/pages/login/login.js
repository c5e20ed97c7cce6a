import { createStoreBindings } from 'mobx-miniprogram-bindings'
import { userStore } from '../../store/user'

Page({
  onLoad() {
    this.storeBindings = createStoreBindings(this, {
      store: userStore,
      fields: ['phone'],
      actions: ['loginWithPhone']
    })
  },
  onUnload() {
    this.storeBindings.destroyStoreBindings()
  },
  onPhone(e) {
    if (e.detail.code) this.loginWithPhone(e.detail.code)
  }
})
