export default {
  data() {
    return { loginCode: '' }
  },
  onLoad() {
    uni.login({ success: (res) => { this.loginCode = res.code } })
  },
  methods: {
    onGetPhone(e) {
      const { encryptedData, iv } = e.detail
      if (!encryptedData) {
        return uni.showToast({ title: '取消授权', icon: 'none' })
      }
      this.$request({
        url: '/wx/phone',
        data: { code: this.loginCode, encryptedData, iv }
      }).then((res) => {
        uni.setStorageSync('token', res.data.token)
        this.afterLogin()
      })
    }
  }
}
