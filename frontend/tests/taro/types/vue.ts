import { h } from 'vue'
import { HaomaPhoneButton } from 'haoma-taro/vue'

export const page = h(
  HaomaPhoneButton,
  {
    app: 'shop-wechat', server: 'https://phone.example.com', consent: '…', policy: '2026-01', lang: 'en', disabled: true,
    onSuccess: ({ answer }) => answer.masked,
    onFail: ({ reason }) => reason === 'denied',
    sms: true, onTyped: ({ phoneNumber }) => phoneNumber.length,
    onAgree: () => undefined,
  },
  { default: () => 'label', fallback: () => 'another way' },
)

// @ts-expect-error there are two languages
export const language = h(HaomaPhoneButton, { lang: 'fr' })
