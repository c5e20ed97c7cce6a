import { Button } from '@tarojs/components'

export default function PhoneButton({ children, onPhone, onDeny, ...rest }) {
  const handle = ({ detail }) => (detail.code ? onPhone(detail.code) : onDeny && onDeny(detail.errMsg))
  return (
    <Button className='phone' {...rest} openType='getPhoneNumber' onGetPhoneNumber={handle}>
      {children}
    </Button>
  )
}
