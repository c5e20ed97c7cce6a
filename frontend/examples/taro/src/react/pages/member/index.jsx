import { useState } from 'react'
import { Switch, Text, View } from '@tarojs/components'
import { HaomaPhoneButton } from 'haoma-taro/react'

import { post } from '../../../shop/backend'

// The other ways: the number goes to a back end of your own, in English, once the user has agreed to join.
export default function Member() {
  const [joining, setJoining] = useState(false)
  const [number, setNumber] = useState('')

  return (
    <View className='shop'>
      <Switch className='join' checked={joining} onChange={(event) => setJoining(event.detail.value)} />
      <Text>I want to be a member</Text>
      <HaomaPhoneButton
        className='member'
        post={post}
        disabled={!joining}
        realtime
        agreePrivacy
        isvAppId='2021000000000000'
        lang='en'
        scene='membership'
        onSuccess={({ answer }) => setNumber(answer.masked)}
        onFail={({ text }) => console.info(text)}
        fallback={<Text>Ask at the counter</Text>}
      />
      <Text className='number'>{number}</Text>
    </View>
  )
}
