import { getWxCode } from '../utils/auth'
import { post } from '../utils/http'

export async function bindPhone(encryptedData, iv) {
  const jsCode = await getWxCode()
  return post('/member/phone', { jsCode, encryptedData, iv })
}
