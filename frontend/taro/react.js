import { createElement, useEffect, useRef, useState } from 'react'
import { Button, Text, View } from '@tarojs/components'
import { useDidShow } from '@tarojs/taro'
import { PhoneButton } from 'haoma-core'

import { NAMES, options } from './options.js'

/** The button for the phone number. `children` is its label, `fallback` another way to give the number. */
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
    fallback ? props.fallback : null,
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
