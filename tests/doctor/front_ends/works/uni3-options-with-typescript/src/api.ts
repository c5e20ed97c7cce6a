export async function bind<T extends object>(data: Record<string, unknown>): Promise<T | undefined> {
  const res = (await uni.request({ url: 'https://api.example.com/bind', method: 'POST', data })) as UniApp.RequestSuccessCallbackResult
  return res.statusCode === 200 ? (res.data as T) : undefined
}
