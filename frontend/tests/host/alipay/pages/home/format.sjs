export default { upper: function (text) { return text.toUpperCase() } }
