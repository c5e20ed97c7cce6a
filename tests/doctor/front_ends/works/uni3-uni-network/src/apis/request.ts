import un from '@uni-helper/uni-network'
import type { UnResponse } from '@uni-helper/uni-network'

let globalTest = { test: false, delay: 500 }

export interface Options<T extends Record<string, any>, P extends Record<string, any> = Record<string, any>> {
  url: string
  params?: P
  /** 发送请求的函数，默认 post */
  requestFn?: (url: string, params?: P) => Promise<UnResponse<T>>
  test?: Partial<typeof globalTest>
}

export const sendRequest = async <T extends Record<string, any>, P extends Record<string, any> = Record<string, any>>(
  options: Options<T, P>,
): Promise<UnResponse<T>> => {
  const { url, params = {} as P, requestFn = un.post<T>, test } = options
  if (test?.test ?? globalTest.test) {
    await new Promise((resolve) => setTimeout(resolve, globalTest.delay))
    return { data: {} } as UnResponse<T>
  }
  try {
    return await requestFn(url, params)
  } catch (error) {
    console.error(error)
    throw error
  }
}
