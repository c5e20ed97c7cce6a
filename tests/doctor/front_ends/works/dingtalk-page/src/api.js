import axios from 'axios'

const client = axios.create({ baseURL: 'https://api.example.com' })
export const exchange = (authCode) => client.post('/dingtalk/phone', { authCode })
