import { defineComponent, h, onBeforeUnmount, onMounted, shallowRef, watch } from 'vue'
import { Button, Input, Text, View } from '@tarojs/components'
import { useDidShow } from '@tarojs/taro'
import { PhoneButton } from 'haoma-core'
import { PhoneEntry } from 'haoma-core/sms'

import { NAMES, options } from './options.js'
import './style.css'

/** The button for the phone number. The default slot is its label, `fallback` another way to give the number than the kit's fields. */
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
    realtime: Boolean,
    agreePrivacy: Boolean,
    acceptEncryptedData: Boolean,
    sms: Boolean,
    disabled: Boolean,
    loading: Boolean,
    lang: String,
    timeout: Number,
  },
  emits: ['success', 'fail', 'typed', 'agree'],
  setup(props, { emit, slots }) {
    const button = new PhoneButton({
      ...options(props),
      onState: (next) => (state.value = next),
      onSuccess: (success) => emit('success', success),
      onFail: (failure) => emit('fail', failure),
    })
    const state = shallowRef(button.state)
    const fields = new PhoneEntry({
      ...options(props),
      onState: (next) => (entry.value = next),
      onSuccess: (success) => emit('success', success),
      onFail: (failure) => emit('fail', failure),
      onTyped: (typed) => emit('typed', typed),
    })
    const entry = shallowRef(fields.state)

    onMounted(() => button.start())
    onBeforeUnmount(() => {
      button.stop()
      fields.stop()
    })
    useDidShow(() => button.shown())
    watch(() => NAMES.map((name) => props[name]), () => {
      button.set(options(props))
      fields.set(options(props))
    })

    return () => {
      const { supported, again, ready, busy, fallback, label, text } = state.value
      return put(View, { class: 'haoma-phone' }, () => [
        supported && props.consent
          ? put(Text, { class: 'haoma-phone-consent' }, () => [
            props.consent,
            props.policy ? put(Text, { class: 'haoma-phone-policy' }, () => [` (${props.policy})`]) : null,
          ])
          : null,
        supported
          ? put(
            Button,
            {
              class: 'haoma-phone-button',
              type: 'primary',
              loading: props.loading || busy,
              disabled: props.disabled || props.loading || !ready,
              ...events(button, emit),
            },
            () => (again || !slots.default ? [label] : slots.default()),
          )
          : null,
        text ? put(Text, { class: 'haoma-phone-text' }, () => [text]) : null,
        fallback ? (slots.fallback ? slots.fallback() : written(fields, entry.value, props.disabled)) : null,
      ])
    }
  },
})

// Taro's components are plain elements in a mini program and components of Vue in a web page. Both take children so.
const put = (type, props, children) => h(type, props, { default: children })

/** The fields of the fallback. */
function written(fields, entry, disabled) {
  const { sms, sent, busy, canSend, canUse, failed, text, number, code, send, use } = entry
  const field = (name, label, maxlength, onInput) => put(Input, {
    class: `haoma-phone-field haoma-phone-${name}`, type: 'number', maxlength, placeholder: label, disabled: disabled || busy, onInput,
  }, () => [])
  return put(View, { class: 'haoma-phone-entry' }, () => [
    put(View, { class: 'haoma-phone-row' }, () => [
      field('number', number, 16, (event) => fields.typeNumber(event)),
      sms
        ? put(Button, { class: 'haoma-phone-send', disabled: disabled || !canSend, onTap: () => fields.send() }, () => [send])
        : null,
    ]),
    sent ? field('code', code, 8, (event) => fields.typeCode(event)) : null,
    !sms || sent
      ? put(Button, { class: 'haoma-phone-use', loading: busy, disabled: disabled || !canUse, onTap: () => fields.use() }, () => [use])
      : null,
    text ? put(Text, { class: failed ? 'haoma-phone-text' : 'haoma-phone-note' }, () => [text]) : null,
  ])
}

// Vue would turn onGetPhoneNumber into get-phone-number, which no button has: only the first letter is a capital.
function events(button, emit) {
  const { openType, scope } = button.state
  if (!openType) return { onTap: () => button.again() }
  const received = (event) => button.received(event)
  if (process.env.TARO_ENV === 'alipay') {
    return { openType, scope, onGetauthorize: received, onError: (event) => button.declined(event) }
  }
  return {
    openType,
    onGetphonenumber: received,
    onGetrealtimephonenumber: received,
    onAgreeprivacyauthorization: (event) => emit('agree', event.detail),
  }
}
