const cloud = require('wx-server-sdk')
const got = require('got')

cloud.init()

exports.main = async (event) => {
  const { APPID } = cloud.getWXContext()
  const res = await got('https://api.weixin.qq.com/sns/jscode2session?appid=' + APPID + '&secret=' + process.env.SECRET + '&js_code=' + event.code + '&grant_type=authorization_code')
  const { session_key, openid } = JSON.parse(res.body)
  return { openid, phone: decrypt(session_key, event.encryptedData, event.iv).replace(/\d{4}(?=\d{4}$)/, '****') }
}
