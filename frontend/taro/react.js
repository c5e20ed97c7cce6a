import { createElement, useEffect, useRef, useState } from 'react'
import { Button, Text, View } from '@tarojs/components'
import { useDidShow } from '@tarojs/taro'
import { PhoneButton } from 'haoma-core'

import { consentText, NAMES, options } from './options.js'

/** The button for the phone number. `children` is its label, `fallback` the way without it. */
export function HaomaPhoneButton(props) {
  const latest = useRef(props)
  latest.current = props

  const [, setState] = useState(null)
  const [button] = useState(() => new PhoneButton({
    ...options(props),
    onState: setState,
    onSuccess: (success) => latest.current.onSuccess && latest.current.onSuccess(success),
    onFail: (failure) => latest.current.onFail && latest.current.onFail(failure),
  }))

  useEffect(() => {
    button.start()
    return () => button.stop()
  }, [button])
  useEffect(() => button.set(options(props)), NAMES.map((name) => props[name]))
  useDidShow(() => button.shown())

  const { supported, ready, busy, fallback, label, text, openType, scope } = button.state
  const received = (event) => button.received(event)
  let events
  if (!openType) events = { onClick: () => button.again() }
  else if (process.env.TARO_ENV === 'alipay') {
    events = { openType, scope, onGetAuthorize: received, onError: (event) => button.declined(event) }
  } else {
    // Taro writes the realtime event with a capital T, unlike its openType.
    events = { openType, onGetPhoneNumber: received, onGetRealTimePhoneNumber: received }
  }
  return createElement(
    View,
    { className: props.className ? `haoma-phone ${props.className}` : 'haoma-phone', style: props.style },
    supported && props.consent
      ? createElement(Text, { className: 'haoma-phone-consent' }, consentText(props))
      : null,
    supported
      ? createElement(
        Button,
        { className: 'haoma-phone-button', disabled: Boolean(props.disabled) || !ready, loading: busy, ...events },
        props.children || label,
      )
      : null,
    text ? createElement(Text, { className: 'haoma-phone-text' }, text) : null,
    fallback ? props.fallback : null,
  )
}
