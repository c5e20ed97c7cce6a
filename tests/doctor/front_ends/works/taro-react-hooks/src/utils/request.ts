import Taro from '@tarojs/taro'

type Options = Omit<Taro.request.Option, 'url'> & { url: string; silent?: boolean }

export async function request<T>({ url, method = 'GET', data, silent }: Options): Promise<T> {
  if (!silent) Taro.showLoading({ title: '加载中' })
  try {
    const res = await Taro.request<{ code: number; data: T; message: string }>({
      url: `https://api.example.com${url}`,
      method,
      data,
      header: { Authorization: Taro.getStorageSync('token') },
    })
    if (res.data.code !== 0) throw new Error(res.data.message)
    return res.data.data
  } finally {
    if (!silent) Taro.hideLoading()
  }
}
