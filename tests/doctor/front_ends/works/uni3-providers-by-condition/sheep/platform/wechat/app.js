export default { login: () => uni.login({ provider: 'weixin' }) }
