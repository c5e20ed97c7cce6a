import Vue from 'vue'
import App from './App'
import request from './utils/request'

Vue.prototype.$request = request
new Vue({ ...App }).$mount()
