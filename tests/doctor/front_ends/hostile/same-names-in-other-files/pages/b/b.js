import { prepare, submit } from '../../utils/get'
Page({ onLoad() { prepare(); submit({ page: 1 }) }, onPhone() { prepare() } })
