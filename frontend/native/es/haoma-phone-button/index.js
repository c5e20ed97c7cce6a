/** @type {typeof import('haoma-core') & typeof import('haoma-core/sms')} */
const { PhoneButton, PhoneEntry } = require('./core')

const OPTIONS = ['app', 'server', 'publishableKey', 'policy', 'scene', 'isvAppId', 'sms', 'lang', 'timeout']

Component({
  props: {
    app: '',
    server: '',
    publishableKey: '',
    consent: '',
    policy: '',
    scene: '',
    isvAppId: '',
    realtime: false, // of WeChat; here so that pages can be alike
    agreePrivacy: false,
    acceptEncryptedData: false,
    sms: false, // the app has the way by text message
    disabled: false,
    loading: false,
    lang: 'zh',
    timeout: 10000,
    // Functions as properties have to begin with `on` on Alipay: onPost is `post`, (body) => Promise of {status, body}.
    // onPost, onSuccess, onFail and onTyped have no value of their own, so that it can be seen which are given.
  },

  data: { state: {}, entry: {} },

  didMount() {
    this.button = new PhoneButton(
      Object.assign(this.options(), {
        platform: 'alipay',
        onState: (state) => this.button && this.setData({ state }),
        onSuccess: (success) => this.props.onSuccess && this.props.onSuccess(success),
        onFail: (failure) => this.props.onFail && this.props.onFail(failure),
      }),
    )
    this.entry = new PhoneEntry(
      Object.assign(this.options(), {
        platform: 'alipay',
        onState: (entry) => this.setData({ entry }),
        onSuccess: (success) => this.props.onSuccess && this.props.onSuccess(success),
        onFail: (failure) => this.props.onFail && this.props.onFail(failure),
        onTyped: (typed) => this.props.onTyped && this.props.onTyped(typed),
      }),
    )
    this.setData({ state: this.button.state, entry: this.entry.state })
    this.button.start()
  },

  didUpdate(before) {
    if (!OPTIONS.some((name) => before[name] !== this.props[name])) return
    this.button.set(this.options())
    this.entry.set(this.options())
  },

  didUnmount() {
    this.button.stop()
    this.entry.stop()
    this.button = /** @type {any} */ (null) // an answer may still come
  },

  methods: {
    /** @returns {Omit<import('haoma-core').Options, 'onState'>} */
    options() {
      const options = {}
      for (const name of OPTIONS) options[name] = this.props[name]
      if (this.props.onPost) options.post = (body, route) => this.props.onPost(body, route)
      return options
    },
    received(event) {
      this.button.received(event)
    },
    declined(event) {
      this.button.declined(event)
    },
    again() {
      this.button.again()
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
