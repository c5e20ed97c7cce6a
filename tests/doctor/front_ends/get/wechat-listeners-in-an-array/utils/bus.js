const listeners = []
module.exports = {
  on: (fn) => listeners.push(fn),
  emit: (data) => listeners.forEach((fn) => fn(data))
}
