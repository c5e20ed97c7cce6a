const request = require('../utils/request')

module.exports = {
  decodePhone: (code) => request.post('/decode', { code }).then((res) => res.data.phoneNumber),
  login: (phoneNumber) => request.post('/login', { phoneNumber })
}
