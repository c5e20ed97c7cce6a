type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

interface Result<T> {
  code: number
  msg: string
  data: T
}

const BASE = 'https://api.example.com'

export async function request<T = unknown>(method: Method, url: string, data?: Record<string, any>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    wx.request<Result<T>>({
      url: `${BASE}${url}`,
      method,
      data,
      header: { token: (wx.getStorageSync('token') as string) ?? '' },
      success: ({ data: body }) => (body.code === 0 ? resolve(body.data) : reject(new Error(body.msg))),
      fail: ({ errMsg }) => reject(new Error(errMsg)),
    })
  })
}

export const get = <T>(url: string, params?: Record<string, any>) => request<T>('GET', url, params)
export const post = <T>(url: string, body?: Record<string, any>) => request<T>('POST', url, body)
