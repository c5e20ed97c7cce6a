import request from '@/utils/request'

export function getCodeImg() {
  return request({ url: '/captchaImage', method: 'get' })
}

export function wxPhoneLogin(phoneCode, loginCode) {
  return request({
    url: '/wx/phoneLogin',
    method: 'post',
    data: { phoneCode, loginCode }
  })
}
