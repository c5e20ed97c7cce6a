const { PhoneButton } = require('./core')

const OPTIONS = [
  'app', 'server', 'post', 'publishableKey', 'policy', 'scene', 'realtime', 'agreePrivacy', 'acceptEncryptedData', 'lang', 'timeout',
]

Component({
  options: { multipleSlots: true },
  externalClasses: ['button-class', 'consent-class', 'text-class'],

  properties: {
    app: String,
    server: String,
    post: null, // a function (body) => Promise of {status, body}
    publishableKey: String,
    consent: String,
    policy: String,
    scene: String,
    isvAppId: String, // of Alipay; here so that pages can be alike
    realtime: Boolean,
    agreePrivacy: Boolean,
    acceptEncryptedData: Boolean,
    disabled: Boolean,
    loading: Boolean,
    lang: { type: String, value: 'zh' },
    timeout: { type: Number, value: 10000 },
  },

  data: { state: {} },

  observers: {
    [OPTIONS.join()]() {
      if (this.button) this.button.set(this.options())
    },
  },

  lifetimes: {
    attached() {
      this.button = new PhoneButton(
        Object.assign(this.options(), {
          platform: 'wechat',
          onState: (state) => this.button && this.setData({ state }),
          onSuccess: (success) => this.triggerEvent('success', success),
          onFail: (failure) => this.triggerEvent('fail', failure),
        }),
      )
      this.setData({ state: this.button.state })
      this.button.start()
    },
    detached() {
      this.button.stop()
      this.button = null // an answer may still come
    },
  },

  pageLifetimes: {
    show() {
      if (this.button) this.button.shown()
    },
  },

  methods: {
    options() {
      const options = {}
      for (const name of OPTIONS) options[name] = this.data[name]
      return options
    },
    received(event) {
      this.button.received(event)
    },
    again() {
      this.button.again()
    },
    agreed(event) {
      this.triggerEvent('agree', event.detail)
    },
  },
})
