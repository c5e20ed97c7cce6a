import React, { Component } from 'react'
import Taro from '@tarojs/taro'
import { Button, View } from '@tarojs/components'

export default class Pay extends Component {
  getPhone(res) {
    Taro.request({
      url: 'https://api.example.com/member',
      method: 'POST',
      data: {
        user_id: this.props.user_id,
        encryptedData: JSON.parse(res.response)['response']
      }
    }).then((r) => this.props.onMember(r.data.member_id))
  }

  getPhoneNumber() {
    my.getPhoneNumber({
      success: this.getPhone.bind(this),
      fail: this.getPhone.bind(this)
    })
  }

  render() {
    if (process.env.TARO_ENV !== 'alipay') return <View />
    return (
      <Button openType='getAuthorize' scope='phoneNumber' onGetAuthorize={this.getPhoneNumber.bind(this)}>
        授权手机号
      </Button>
    )
  }
}
