import { defineComponent, ref, Fragment } from 'vue'
import Taro from '@tarojs/taro'
import './index.scss'

export default defineComponent({
  setup(_, { slots }) {
    const name = ref('')
    const onPhone = async ({ detail }) => {
      if (detail.code) await Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code: detail.code, name: name.value } })
    }
    return () => (
      <Fragment>
        <input class="name" v-model={name.value} />
        <view class={['card', { on: !!name.value }]}>
          {slots.default?.()}
          <button class="login" type="primary" open-type="getPhoneNumber" onGetphonenumber={onPhone}>登录</button>
        </view>
      </Fragment>
    )
  },
})
