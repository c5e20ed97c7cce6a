import Vue from 'vue'
import Vuex from 'vuex'
import { loginByMobile, decryptPhone } from '@/api/user'

Vue.use(Vuex)

export default new Vuex.Store({
  state: { mobile: '', token: '' },
  mutations: {
    setMobile(state, mobile) {
      state.mobile = mobile
    },
    setToken(state, token) {
      state.token = token
    }
  },
  actions: {
    async getMobile({ commit }, code) {
      const { data } = await decryptPhone({ code })
      commit('setMobile', data.purePhoneNumber)
    },
    async login({ commit, state }) {
      const { data } = await loginByMobile({ mobile: state.mobile })
      commit('setToken', data.token)
    }
  }
})
