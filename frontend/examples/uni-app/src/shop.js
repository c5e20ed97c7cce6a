export const goods = [
  { id: 'tea', name: '明前龙井', unit: '50 克', fen: 16800 },
  { id: 'cup', name: '白瓷盖碗', unit: '一套', fen: 9900 },
]

export const yuan = (fen) => `¥${(fen / 100).toFixed(2)}`

// Each platform has its own app in haoma.toml.
// #ifdef MP-WEIXIN
export const app = 'shop-wechat'
// #endif
// #ifdef MP-BAIDU
export const app = 'shop-baidu'
// #endif
// #ifdef MP-TOUTIAO
export const app = 'shop-douyin'
// #endif
// #ifdef MP-KUAISHOU
export const app = 'shop-kuaishou'
// #endif
// #ifdef MP-XHS
export const app = 'shop-xiaohongshu'
// #endif
// #ifdef MP-QQ
export const app = 'shop-qq'
// #endif
// #ifdef MP-JD
export const app = 'shop-jd'
// #endif
// #ifdef MP-ALIPAY || H5
export const app = 'shop'
// #endif

export const server = import.meta.env.VITE_SERVER
export const publishableKey = import.meta.env.VITE_KEY
