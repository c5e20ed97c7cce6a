module = Object.assign(module || {}, { id: 1 })
module.exports.id = 1
exports.name = 'odd'
