import { createElement } from 'rax'
import View from 'rax-view'

export default function Home() {
  const onPhone = () => my.getPhoneNumber({ success: (res) => console.log(res.response) })
  return <View><button open-type="getAuthorize" scope="phoneNumber" onGetAuthorize={onPhone}>登录</button></View>
}
