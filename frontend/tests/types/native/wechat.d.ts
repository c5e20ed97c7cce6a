// What the component keeps beside its data.
declare namespace WechatMiniprogram.Component {
  interface InstanceProperties {
    button: import('haoma-core').Button
    entry: import('haoma-core/sms').PhoneEntry
  }
}
