import { defineComponent, reactive } from 'vue'
import Taro from '@tarojs/taro'

export default defineComponent({
  name: 'My',
  setup() {
    const state = reactive({ masked: '' })
    const getPhoneNumber = async ({ detail }: { detail: { code?: string } }) => {
      if (!detail.code) return
      const res = await Taro.request<{ masked: string }>({
        url: 'https://api.example.com/phone',
        method: 'POST',
        data: { code: detail.code },
      })
      state.masked = res.data.masked
    }
    return () => (
      <view>
        {state.masked ? <text>{state.masked}</text> : <button openType="getPhoneNumber" onGetphonenumber={getPhoneNumber}>绑定</button>}
      </view>
    )
  },
})
