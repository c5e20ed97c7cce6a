module.exports = function co(gen) {
  return function () {
    const it = gen.apply(this, arguments)
    return new Promise((resolve, reject) => {
      const step = (key, value) => {
        let r
        try { r = it[key](value) } catch (e) { return reject(e) }
        if (r.done) return resolve(r.value)
        Promise.resolve(r.value).then((v) => step('next', v), (e) => step('throw', e))
      }
      step('next')
    })
  }
}
