import { phoneLogin, silentLogin } from '@/api/user.js'

export default {
  namespaced: true,
  state: { token: '', loginCode: '' },
  mutations: {
    SET_TOKEN(state, token) {
      state.token = token
      uni.setStorageSync('token', token)
    }
  },
  actions: {
    silentLogin({ commit }) {
      uni.login({
        provider: 'weixin',
        success: async ({ code }) => {
          const res = await silentLogin(code)
          commit('SET_TOKEN', res.token)
        }
      })
    },
    async phoneLogin({ commit }, payload) {
      const res = await phoneLogin(payload)
      commit('SET_TOKEN', res.token)
      return res
    }
  }
}
