import { post } from '../../utils/http'
Page({ async onPhone({ detail }) { if (detail.code) await post('/login', { phoneCode: detail.code }) } })
