import { BehaviorWithStore } from 'mobx-miniprogram-bindings'
import { user } from '../../models/user'

Component({
  behaviors: [BehaviorWithStore({ storeBindings: { store: user, actions: { signIn: 'signIn' } } })],
  properties: { from: String },
  observers: { 'from'(v) { this._from = v } },
  lifetimes: {
    attached() {
      wx.login({ success: ({ code }) => { this._loginCode = code } })
    }
  },
  methods: {
    async _onPhone({ detail }) {
      if (!detail.code) return this._deny(detail)
      await this._submit(detail.code)
    },
    _deny({ errMsg }) {
      this.triggerEvent('deny', { errMsg })
    },
    async _submit(phoneCode) {
      await user.signIn({ phoneCode, loginCode: this._loginCode, from: this._from })
    }
  }
})
