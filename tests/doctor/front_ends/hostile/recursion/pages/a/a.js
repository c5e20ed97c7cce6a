import { ping } from '../../utils/loop'
Page({ onPhone(e) { if (e.detail.code) ping(2, { code: e.detail.code }) } })
