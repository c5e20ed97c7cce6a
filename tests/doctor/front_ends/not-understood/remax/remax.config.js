module.exports = { one: true, output: 'output' }
