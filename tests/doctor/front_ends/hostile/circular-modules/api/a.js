import { post } from './b'
export const phone = (code) => post('/phone', { code })
export const base = 'https://api.example.com'
