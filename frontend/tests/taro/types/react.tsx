import { HaomaPhoneButton } from 'haoma-taro/react'

export const page = (
  <HaomaPhoneButton
    app='shop-wechat' server='https://phone.example.com' publishableKey='' policy='2026-01' scene='checkout' consent='…'
    post={async (body) => ({ status: 200, body: body.login_code })} lang='zh' timeout={5000} isvAppId='' realtime agreePrivacy
    acceptEncryptedData sms disabled loading className='mine' style={{ color: 'red' }} fallback={<b />}
    onSuccess={({ answer }) => answer.masked} onFail={({ reason, next }) => reason === 'denied' && next === 'ask-again'}
    onTyped={({ phoneNumber }) => phoneNumber.length} onAgree={() => undefined}
  >
    label
  </HaomaPhoneButton>
)

// @ts-expect-error there are two languages
export const language = <HaomaPhoneButton lang='fr' />

// @ts-expect-error the platform is known when Taro builds
export const platform = <HaomaPhoneButton platform='wechat' />
