export const path = (app) => `/v1/apps/${app}/phone-number`
