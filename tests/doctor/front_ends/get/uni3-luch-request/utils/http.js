import Request from 'luch-request'

const http = new Request({ baseURL: 'https://api.example.com' })
export default http
