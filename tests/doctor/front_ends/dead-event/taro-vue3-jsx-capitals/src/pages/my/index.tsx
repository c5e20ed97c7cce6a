import { defineComponent } from 'vue'
import Taro from '@tarojs/taro'

export default defineComponent({
  setup() {
    const onPhone = (e) => Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: e.detail.code } })
    return () => <button openType="getPhoneNumber" onGetPhoneNumber={onPhone}>登录</button>
  },
})
