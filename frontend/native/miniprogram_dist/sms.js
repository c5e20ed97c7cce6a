// SmsCode and PhoneEntry, for a way by text message of your own.
/** @type {typeof import('haoma-core/sms')} */
const { PhoneEntry, SmsCode } = require('./haoma-phone-button/core')

module.exports = { PhoneEntry, SmsCode }
