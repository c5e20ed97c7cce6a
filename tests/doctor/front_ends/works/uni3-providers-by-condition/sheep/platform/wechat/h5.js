export default { bindPhone: () => Promise.resolve(false) }
