import Vue from 'vue'
import Vuex from 'vuex'

Vue.use(Vuex)

const files = require.context('./modules', true, /\.js$/)
let modules = {}
for (const module of files.keys()) {
  modules[module.replace(/^\.\/|\.js$/g, '')] = files(module).default
}
const module = { name: 'root' }
const exports = { default: module }
export default new Vuex.Store({ modules, state: { self: module, exports } })
