import Taro from '@tarojs/taro'
import { create } from 'zustand'

interface State {
  token?: string
  bind(code: string): Promise<void>
}

export const useStore = create<State>((set) => ({
  token: undefined,
  bind: async (code) => {
    const res = await Taro.request({
      url: 'https://api.example.com/phone',
      method: 'POST',
      data: JSON.stringify({ code }),
      header: { 'content-type': 'application/json' },
    })
    set({ token: res.data.token })
  },
}))
