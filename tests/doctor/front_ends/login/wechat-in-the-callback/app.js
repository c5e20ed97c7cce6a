const api = require('./utils/api')
App({ api })
