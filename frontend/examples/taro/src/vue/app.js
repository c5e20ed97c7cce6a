import { createApp } from 'vue'

import '../shop/shop.css'

export default createApp({})
