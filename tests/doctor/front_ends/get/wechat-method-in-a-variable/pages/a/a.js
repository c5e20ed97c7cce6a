import { exchangePhone } from '../../api/phone'

Page({
  onPhone({ detail }) {
    if (detail.code) exchangePhone({ code: detail.code })
  }
})
