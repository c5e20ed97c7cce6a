import { start } from './utils/request'
App({ onLaunch() { start() } })
