import { defineComponent, ref } from 'vue'
import Taro, { useLoad } from '@tarojs/taro'
import { post } from '../../utils/request'

export default defineComponent({
  setup() {
    const code = ref('')
    useLoad(async () => {
      code.value = (await Taro.login()).code
    })
    const onPhone = (e) => {
      if (e.detail.code) post('/phone', { loginCode: code.value, phoneCode: e.detail.code })
    }
    return () => (
      <view class='login'>
        <button openType='getPhoneNumber' onGetphonenumber={onPhone}>登录</button>
      </view>
    )
  },
})
