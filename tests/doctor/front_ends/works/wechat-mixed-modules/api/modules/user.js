import request from '../../utils/request'

export default {
  /** 手机号登录 */
  phoneLogin(data) {
    return request({ url: '/user/phone-login', method: 'POST', data })
  },
  info() {
    return request({ url: '/user/info' })
  }
}
