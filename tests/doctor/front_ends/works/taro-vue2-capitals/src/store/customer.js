import Taro from '@tarojs/taro'

export default {
  namespaced: true,
  state: { token: '' },
  actions: {
    async login({ commit }, data) {
      const res = await Taro.request({ url: 'https://api.example.com/login', method: 'POST', data })
      commit('token', res.data.token)
    }
  },
  mutations: {
    token(state, token) {
      state.token = token
    }
  }
}
