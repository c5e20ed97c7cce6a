// What the component keeps beside its data, and the functions that a page gives it.
interface IGlobalMiniProgramExtraThis4Component {
  button: import('haoma-core').Button
  entry: import('haoma-core/sms').PhoneEntry
  props: Pick<import('haoma-core/sms').EntryOptions, 'onSuccess' | 'onFail' | 'onTyped'> & { onPost: import('haoma-core').Post }
}

declare function setTimeout(call: (value: never) => void, milliseconds: number): number
declare function clearTimeout(timer: number): void
declare function setInterval(call: () => void, milliseconds: number): number
declare function clearInterval(timer: number): void
