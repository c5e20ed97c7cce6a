import request from '../../utils/request'

export default {
  list: (params) => request({ url: '/shop/list', data: params }),
  nearby: ({ lat, lng }) => request({ url: `/shop/nearby?lat=${lat}&lng=${lng}` })
}
