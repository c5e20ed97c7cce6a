export interface IResData<T> {
  code: number
  msg: string
  data: T
}

export const http = <T>(options: UniApp.RequestOptions) =>
  new Promise<IResData<T>>((resolve, reject) => {
    uni.request({
      ...options,
      url: 'https://api.example.com' + options.url,
      dataType: 'json',
      success(res) {
        if (res.statusCode >= 200 && res.statusCode < 300) {
          resolve(res.data as IResData<T>)
        } else if (res.statusCode === 401) {
          uni.navigateTo({ url: '/pages/login/index' })
          reject(res)
        } else {
          reject(res)
        }
      },
      fail: reject,
    })
  })

http.get = <T>(url: string, query?: Record<string, any>) => http<T>({ url, data: query, method: 'GET' })
http.post = <T>(url: string, data?: Record<string, any>) => http<T>({ url, data, method: 'POST' })
