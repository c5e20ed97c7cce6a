// The same goods in both pages.
export const goods = [
  { id: 'tea', name: '明前龙井', unit: '50 克', fen: 16800 },
  { id: 'cup', name: '白瓷盖碗', unit: '一套', fen: 9900 },
]

export const yuan = (fen) => `¥${(fen / 100).toFixed(2)}`

// Each platform has its own app in haoma.toml.
export const app = {
  weapp: 'shop-wechat', alipay: 'shop', swan: 'shop-baidu', tt: 'shop-douyin', qq: 'shop-qq', jd: 'shop-jd', h5: 'shop',
}[process.env.TARO_ENV]

export const server = process.env.TARO_APP_SERVER
export const publishableKey = process.env.TARO_APP_KEY
