import axios from 'axios'
import adapter from 'axios-adapter-uniapp'

export default axios.create({ baseURL: 'https://api.example.com', adapter })
