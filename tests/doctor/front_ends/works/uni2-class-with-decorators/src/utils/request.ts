export function post<T>(path: string, data: object): Promise<T> {
  return new Promise((resolve, reject) => {
    uni.request({ url: 'https://api.example.com' + path, method: 'POST', data, success: (r) => resolve(r.data as T), fail: reject })
  })
}
