Component({
  props: { text: '登录', onSuccess() {}, onFail() {} },
  methods: {
    handleAuthorize() {
      my.getPhoneNumber({
        success: (res) => this.props.onSuccess(res.response),
        fail: (err) => this.props.onFail(err),
      });
    },
    handleError(e) {
      this.props.onFail(e.detail);
    },
  },
});
