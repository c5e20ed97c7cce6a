export default { namespaced: true, state: { token: '' } }
