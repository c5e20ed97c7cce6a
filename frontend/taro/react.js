import { createElement, useEffect, useRef, useState } from 'react'
import { Button, Input, Text, View } from '@tarojs/components'
import { useDidShow } from '@tarojs/taro'
import { PhoneButton } from 'haoma-core'
import { PhoneEntry } from 'haoma-core/sms'

import { NAMES, options } from './options.js'
import './style.css'

/** The button for the phone number. `children` is its label, `fallback` another way to give the number than the kit's fields. */
export function HaomaPhoneButton(props) {
  const latest = useRef(props)
  latest.current = props
  const tell = (name) => (value) => latest.current[name] && latest.current[name](value)

  const [, setState] = useState(null)
  const [button] = useState(() => new PhoneButton({
    ...options(props), onState: setState, onSuccess: tell('onSuccess'), onFail: tell('onFail'),
  }))

  useEffect(() => {
    button.start()
    return () => button.stop()
  }, [button])
  useEffect(() => button.set(options(props)), NAMES.map((name) => props[name]))
  useDidShow(() => button.shown())

  const { supported, again, ready, busy, fallback, label, text } = button.state
  return createElement(
    View,
    { className: props.className ? `haoma-phone ${props.className}` : 'haoma-phone', style: props.style },
    supported && props.consent
      ? createElement(
        Text,
        { className: 'haoma-phone-consent' },
        props.consent,
        props.policy ? createElement(Text, { className: 'haoma-phone-policy' }, ` (${props.policy})`) : null,
      )
      : null,
    supported
      ? createElement(
        Button,
        {
          className: 'haoma-phone-button',
          type: 'primary',
          loading: Boolean(props.loading) || busy,
          disabled: Boolean(props.disabled || props.loading) || !ready,
          ...events(button, tell('onAgree')),
        },
        again ? label : props.children || label,
      )
      : null,
    text ? createElement(Text, { className: 'haoma-phone-text' }, text) : null,
    fallback ? (props.fallback === undefined ? createElement(Fields, { ...props, tell }) : props.fallback) : null,
  )
}

/** The fields of the fallback. */
function Fields({ tell, ...props }) {
  const [, setState] = useState(null)
  const [entry] = useState(() => new PhoneEntry({
    ...options(props), onState: setState, onSuccess: tell('onSuccess'), onFail: tell('onFail'), onTyped: tell('onTyped'),
  }))
  useEffect(() => () => entry.stop(), [entry])
  useEffect(() => entry.set(options(props)), NAMES.map((name) => props[name]))

  const { sms, sent, busy, canSend, canUse, failed, text, number, code, send, use } = entry.state
  const disabled = Boolean(props.disabled)
  const field = (name, label, maxlength, onInput) => createElement(Input, {
    className: `haoma-phone-field haoma-phone-${name}`, type: 'number', maxlength, placeholder: label, disabled: disabled || busy, onInput,
  })
  return createElement(
    View,
    { className: 'haoma-phone-entry' },
    createElement(
      View,
      { className: 'haoma-phone-row' },
      field('number', number, 16, (event) => entry.typeNumber(event)),
      sms
        ? createElement(Button, { className: 'haoma-phone-send', disabled: disabled || !canSend, onClick: () => entry.send() }, send)
        : null,
    ),
    sent ? field('code', code, 8, (event) => entry.typeCode(event)) : null,
    !sms || sent
      ? createElement(
        Button,
        { className: 'haoma-phone-use', loading: busy, disabled: disabled || !canUse, onClick: () => entry.use() },
        use,
      )
      : null,
    text ? createElement(Text, { className: failed ? 'haoma-phone-text' : 'haoma-phone-note' }, text) : null,
  )
}

function events(button, agreed) {
  const { openType, scope } = button.state
  if (!openType) return { onClick: () => button.again() }
  const received = (event) => button.received(event)
  if (process.env.TARO_ENV === 'alipay') {
    return { openType, scope, onGetAuthorize: received, onError: (event) => button.declined(event) }
  }
  return {
    openType,
    onGetPhoneNumber: received,
    onGetRealTimePhoneNumber: received, // Taro's capital T, unlike that of the openType
    onAgreePrivacyAuthorization: (event) => agreed(event.detail),
  }
}
