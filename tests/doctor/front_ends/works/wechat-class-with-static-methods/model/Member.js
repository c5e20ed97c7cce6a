import Http from '../utils/Http'

class Member {
  // 手机号一键登录
  static loginByPhone(phoneCode) {
    return Http.post('/member/login-by-phone', { phone_code: phoneCode })
  }

  static coupons() {
    return Http.get('/member/coupons')
  }
}

export default Member
