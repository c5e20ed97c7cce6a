import Vue from 'vue'
import uView from 'uview-ui'
import App from './App'

Vue.use(uView)
new Vue({ ...App }).$mount()
