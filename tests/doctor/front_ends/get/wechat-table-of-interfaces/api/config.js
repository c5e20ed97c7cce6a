module.exports = {
  login: ['POST', '/login'],
  phone: ['GET', '/user/phone'],
  orders: ['GET', '/orders']
}
