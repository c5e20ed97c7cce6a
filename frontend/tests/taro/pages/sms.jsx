import { useState } from 'react'
import { Text, View } from '@tarojs/components'
import { HaomaPhoneButton } from 'haoma-taro/react'

import { app, publishableKey, server } from '../../../shop/catalogue'

export default function Sms() {
  const [number, setNumber] = useState('')
  return (
    <View>
      <HaomaPhoneButton app={app} server={server} publishableKey={publishableKey} policy='2026-01' scene='sms' sms
        onSuccess={({ answer }) => setNumber(answer.masked)} />
      <Text>{number}</Text>
    </View>
  )
}
