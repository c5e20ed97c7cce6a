import { defineComponent } from 'vue'
import Taro from '@tarojs/taro'

export default defineComponent({
  setup() {
    const agree = (event) =>
      Taro.request({ url: 'https://shop.example.com/phone', method: 'POST', data: { code: event.detail.code } })
    return () => <button openType='getPhoneNumber' onGetphonenumber={agree}>手机号登录</button>
  },
})
