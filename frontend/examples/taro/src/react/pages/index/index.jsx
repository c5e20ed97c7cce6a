import { useState } from 'react'
import { Text, View } from '@tarojs/components'
import { HaomaPhoneButton } from 'haoma-taro/react'

import { app, goods, publishableKey, server, yuan } from '../../../shop/catalogue'

export default function Checkout() {
  const [number, setNumber] = useState('')
  const total = goods.reduce((sum, each) => sum + each.fen, 0)

  return (
    <View className='shop'>
      {goods.map((each) => (
        <View className='goods' key={each.id}>
          <View>
            <Text>{each.name}</Text>
            <Text className='goods-unit'>{each.unit}</Text>
          </View>
          <Text>{yuan(each.fen)}</Text>
        </View>
      ))}
      <View className='sum'>
        <Text>合计</Text>
        <Text>{yuan(total)}</Text>
      </View>
      {number ? (
        <View className='number'><Text>{number}</Text></View>
      ) : (
        <HaomaPhoneButton
          app={app}
          server={server}
          publishableKey={publishableKey}
          policy='2026-01'
          scene='checkout'
          consent='我们用手机号通知你取货，详见《隐私政策》。'
          onSuccess={({ answer }) => setNumber(answer.masked)}
          onTyped={({ phoneNumber }) => setNumber(phoneNumber)}
        >
          手机号一键下单
        </HaomaPhoneButton>
      )}
    </View>
  )
}
