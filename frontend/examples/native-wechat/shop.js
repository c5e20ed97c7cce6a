// The address of your service, the name of your app in haoma.toml, and a publishable key: `haoma key --publishable`.
const server = 'https://phone.example.com'
const app = 'shop-wechat'
const publishableKey = ''

const goods = [
  { id: 'tea', name: '明前龙井', unit: '50 克', price: '¥168.00' },
  { id: 'cup', name: '白瓷盖碗', unit: '一套', price: '¥99.00' },
]

module.exports = { server, app, publishableKey, goods, total: '¥267.00' }
