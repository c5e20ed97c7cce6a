import { fetchJSON } from './base'

export function exchangePhone(detail) {
  const { code, encryptedData, iv } = detail
  return fetchJSON('/phone', { method: 'POST', body: { code, encryptedData, iv } })
}
