/** 云托管请求 */
export async function call(path, data, method = 'POST') {
  const res = await wx.cloud.callContainer({
    config: { env: 'prod-01' },
    path,
    header: { 'X-WX-SERVICE': 'api' },
    method,
    data
  })
  return res.data
}
