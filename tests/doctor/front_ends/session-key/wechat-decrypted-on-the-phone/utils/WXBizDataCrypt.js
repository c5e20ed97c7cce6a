const Crypto = require('./cryptojs/cryptojs').Crypto

function WXBizDataCrypt(appId, sessionKey) {
  this.appId = appId
  this.sessionKey = sessionKey
}

WXBizDataCrypt.prototype.decryptData = function (encryptedData, iv) {
  const key = Crypto.util.base64ToBytes(this.sessionKey)
  const mode = new Crypto.mode.CBC(Crypto.pad.pkcs7)
  const bytes = Crypto.AES.decrypt(Crypto.util.base64ToBytes(encryptedData), key, { asBpytes: true, iv: Crypto.util.base64ToBytes(iv), mode })
  return JSON.parse(bytes)
}

module.exports = WXBizDataCrypt
