const http = uni.$u.http

export const bindPhone = (params, config = {}) => http.post('/user/phone', params, config)
export const getBanner = (data) => http.get('/banner', data)
