const cloud = require('wx-server-sdk')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })

exports.main = async (event) => {
  const { OPENID } = cloud.getWXContext()
  const res = await cloud.openapi.phonenumber.getPhoneNumber({ code: event.code })
  const phone = res.phoneInfo.purePhoneNumber
  await cloud.database().collection('users').where({ _openid: OPENID }).update({ data: { phone } })
  return { ok: true }
}
