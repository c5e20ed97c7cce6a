import { createElement, useEffect, useRef, useState } from 'react'
import { Button, Text, View } from '@tarojs/components'
import { useDidShow } from '@tarojs/taro'
import { PhoneButton } from 'haoma-core'

import { looks, NAMES, options } from './options.js'

/** The button for the phone number. `children` is its label, `fallback` the way without it. */
export function HaomaPhoneButton(props) {
  const latest = useRef(props)
  latest.current = props

  const made = useRef(null)
  const [, setState] = useState(null)
  if (made.current === null) {
    made.current = new PhoneButton({
      ...options(props),
      onState: setState,
      onSuccess: (success) => latest.current.onSuccess?.(success),
      onFail: (failure) => latest.current.onFail?.(failure),
    })
  }
  const button = made.current
  const state = button.state

  useEffect(() => {
    button.start()
    return () => button.stop()
  }, [button])
  useEffect(() => button.set(options(props)), NAMES.map((name) => props[name]))
  useDidShow(() => button.shown())

  return createElement(
    View,
    { className: ['haoma-phone', props.className].filter(Boolean).join(' '), style: props.style },
    state.supported && props.consent && createElement(Text, { className: 'haoma-phone-consent' }, props.consent),
    state.supported && createElement(
      Button,
      { className: 'haoma-phone-button', ...looks(state, props.disabled), ...events(button, state) },
      props.children ?? state.label,
    ),
    state.text && createElement(Text, { className: 'haoma-phone-text' }, state.text),
    state.fallback && props.fallback,
  )
}

function events(button, state) {
  if (!state.openType) return { onClick: () => button.again() }
  const received = (event) => button.received(event)
  if (process.env.TARO_ENV === 'alipay') {
    return { scope: state.scope, onGetAuthorize: received, onError: (event) => button.declined(event) }
  }
  // Taro writes the realtime event with a capital T, unlike its openType.
  return { onGetPhoneNumber: received, onGetRealTimePhoneNumber: received }
}
