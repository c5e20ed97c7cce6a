const { PhoneButton } = require('./core')

const OPTIONS = ['app', 'server', 'publishableKey', 'policy', 'scene', 'isvAppId', 'lang', 'timeout']

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
    disabled: false,
    loading: false,
    lang: 'zh',
    timeout: 10000,
    // Functions as properties have to begin with `on` on Alipay: onPost is `post`, (body) => Promise of {status, body}.
    // onPost, onSuccess and onFail have no value of their own, so that it can be seen which are given.
  },

  data: { state: {} },

  didMount() {
    this.button = new PhoneButton(
      Object.assign(this.options(), {
        platform: 'alipay',
        onState: (state) => this.button && this.setData({ state }),
        onSuccess: (success) => this.props.onSuccess && this.props.onSuccess(success),
        onFail: (failure) => this.props.onFail && this.props.onFail(failure),
      }),
    )
    this.setData({ state: this.button.state })
    this.button.start()
  },

  didUpdate(before) {
    if (OPTIONS.some((name) => before[name] !== this.props[name])) this.button.set(this.options())
  },

  didUnmount() {
    this.button.stop()
    this.button = null // an answer may still come
  },

  methods: {
    options() {
      const options = {}
      for (const name of OPTIONS) options[name] = this.props[name]
      if (this.props.onPost) options.post = (body) => this.props.onPost(body)
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
  },
})
