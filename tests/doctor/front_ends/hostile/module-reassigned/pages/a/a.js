const http = require('../../utils/umd')
require('../../utils/odd')
Page({ onPhone({ detail }) { if (detail.code) http.post('/phone', { code: detail.code }) } })
