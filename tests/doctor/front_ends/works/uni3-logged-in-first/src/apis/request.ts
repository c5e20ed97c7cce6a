const post = (url: string, data?: object) =>
  new Promise<any>((resolve, reject) => uni.request({ url: 'https://api.example.com' + url, method: 'POST', data, success: (r) => resolve(r.data), fail: reject }))

let globalTest = { test: process.env.NODE_ENV === 'development' && true, delay: 500 }

export const sendRequest = async (options: { url: string; params?: object; requestFn?: typeof post; test?: { test?: boolean; result?: any } }) => {
  const { url, params = {}, requestFn = post, test } = options
  if (test?.test ?? globalTest.test) {
    let { result } = test ?? {}
    if (!result) {
      result = { success: false }
      return result
    }
    return result
  }
  return requestFn(url, params)
}
