const base = require('company-base-page')

base.page({
  name: 'login'
})
