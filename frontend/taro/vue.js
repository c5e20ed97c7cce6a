import { defineComponent, h, onBeforeUnmount, onMounted, shallowRef, watch } from 'vue'
import { Button, Text, View } from '@tarojs/components'
import { useDidShow } from '@tarojs/taro'
import { PhoneButton } from 'haoma-core'

import { looks, NAMES, options } from './options.js'

const flag = { type: Boolean, default: undefined }

/** The button for the phone number. The default slot is its label, the slot `fallback` the way without it. */
export const HaomaPhoneButton = defineComponent({
  name: 'HaomaPhoneButton',
  props: {
    app: String,
    server: String,
    post: Function,
    publishableKey: String,
    consent: String,
    policy: String,
    scene: String,
    isvAppId: String,
    realtime: flag,
    agreePrivacy: flag,
    acceptEncryptedData: flag,
    disabled: flag,
    lang: String,
    timeout: Number,
  },
  emits: ['success', 'fail'],
  setup(props, { emit, slots }) {
    const state = shallowRef()
    const button = new PhoneButton({
      ...options(props),
      onState: (next) => (state.value = next),
      onSuccess: (success) => emit('success', success),
      onFail: (failure) => emit('fail', failure),
    })
    state.value = button.state

    onMounted(() => button.start())
    onBeforeUnmount(() => button.stop())
    useDidShow(() => button.shown())
    watch(() => NAMES.map((name) => props[name]), () => button.set(options(props)))

    return () => {
      const { supported, text, fallback, label } = state.value
      return put(View, { class: 'haoma-phone' }, () => [
        supported && props.consent && put(Text, { class: 'haoma-phone-consent' }, () => props.consent),
        supported && put(
          Button,
          { class: 'haoma-phone-button', ...looks(state.value, props.disabled), ...events(button, state.value) },
          () => slots.default?.() ?? label,
        ),
        text && put(Text, { class: 'haoma-phone-text' }, () => text),
        fallback && slots.fallback?.(),
      ])
    }
  },
})

// Taro's components are plain elements in a mini program and components of Vue in a web page. Both take children so.
const put = (type, props, children) => h(type, props, { default: children })

// Vue would turn onGetPhoneNumber into get-phone-number, which no button has: only the first letter is a capital.
function events(button, state) {
  if (!state.openType) return { onTap: () => button.again() }
  const received = (event) => button.received(event)
  if (process.env.TARO_ENV === 'alipay') {
    return { scope: state.scope, onGetauthorize: received, onError: (event) => button.declined(event) }
  }
  return { onGetphonenumber: received, onGetrealtimephonenumber: received }
}
