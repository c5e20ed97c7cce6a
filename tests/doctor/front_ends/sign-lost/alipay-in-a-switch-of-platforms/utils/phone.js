export default function getEncrypted(e) {
  return new Promise((resolve, reject) => {
    // #ifdef MP-WEIXIN
    resolve({ encryptedData: e.detail.encryptedData, iv: e.detail.iv })
    // #endif
    // #ifdef MP-ALIPAY
    my.getPhoneNumber({
      success: (res) => {
        const parsed = JSON.parse(res.response)
        resolve({ encryptedData: parsed.response, iv: '' })
      },
      fail: reject
    })
    // #endif
  })
}
