import './libs/adapter'
import { PhoneButton } from 'haoma-core'
import Hud from './js/hud'

const button = new PhoneButton({ app: 'game', server: 'https://phone.example.com', publishableKey: 'hk_publishable_game' })
button.start()

const hud = new Hud()
wx.onTouchEnd(({ changedTouches: [touch] }) => {
  if (!hud.hitsBind(touch.clientX, touch.clientY)) return
  button.ask().then((outcome) => hud.show(outcome.ok ? outcome.answer.masked : outcome.text))
})
