import React, { Component } from 'react'
import Taro from '@tarojs/taro'
import { View, Button } from '@tarojs/components'
import api from '../../utils/api'

export default class Auth extends Component {
  constructor(props) {
    super(props)
    this.state = { phone: '' }
    this.onPhone = this.onPhone.bind(this)
  }

  componentDidMount() {
    Taro.login().then((res) => {
      this.code = res.code
    })
  }

  onPhone(e) {
    const { detail } = e
    if (detail.errMsg === 'getPhoneNumber:fail user deny') {
      return
    }
    this.submit(detail)
  }

  submit = (detail) => {
    api
      .post('/phone', { code: this.code, encryptedData: detail.encryptedData, iv: detail.iv })
      .then((res) => {
        this.setState({ phone: res.masked })
      })
  }

  render() {
    const { phone } = this.state
    return (
      <View>
        {phone ? (
          <View>{phone}</View>
        ) : (
          <Button type='primary' openType='getPhoneNumber' onGetPhoneNumber={this.onPhone}>
            微信登录
          </Button>
        )}
      </View>
    )
  }
}
