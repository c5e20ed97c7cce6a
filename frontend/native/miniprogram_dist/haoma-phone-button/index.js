/** @type {typeof import('haoma-core') & typeof import('haoma-core/sms')} */
const { PhoneButton, PhoneEntry } = require('./core')

const OPTIONS = [
  'app', 'server', 'post', 'publishableKey', 'policy', 'scene', 'realtime', 'agreePrivacy', 'acceptEncryptedData', 'sms', 'lang',
  'timeout',
]

Component({
  options: { multipleSlots: true },
  externalClasses: ['button-class', 'consent-class', 'text-class', 'entry-class'],

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
    sms: Boolean, // the app has the way by text message
    disabled: Boolean,
    loading: Boolean,
    lang: { type: String, value: 'zh' },
    timeout: { type: Number, value: 10000 },
  },

  data: { state: {}, entry: {} },

  observers: {
    [OPTIONS.join()]() {
      if (!this.button) return
      this.button.set(this.options())
      this.entry.set(this.options())
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
      this.entry = new PhoneEntry(
        Object.assign(this.options(), {
          platform: 'wechat',
          onState: (entry) => this.setData({ entry }),
          onSuccess: (success) => this.triggerEvent('success', success),
          onFail: (failure) => this.triggerEvent('fail', failure),
          onTyped: (typed) => this.triggerEvent('typed', typed),
        }),
      )
      this.setData({ state: this.button.state, entry: this.entry.state })
      this.button.start()
    },
    detached() {
      this.button.stop()
      this.entry.stop()
      this.button = /** @type {any} */ (null) // an answer may still come
    },
  },

  pageLifetimes: {
    show() {
      if (this.button) this.button.shown()
    },
  },

  methods: {
    /** @returns {Omit<import('haoma-core').Options, 'onState'>} */
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
    typeNumber(event) {
      this.entry.typeNumber(event)
    },
    typeCode(event) {
      this.entry.typeCode(event)
    },
    send() {
      this.entry.send()
    },
    use() {
      this.entry.use()
    },
  },
})
