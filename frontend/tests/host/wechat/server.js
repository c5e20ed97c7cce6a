module.exports = { path: (app) => `/v1/apps/${app}/phone-number` }
