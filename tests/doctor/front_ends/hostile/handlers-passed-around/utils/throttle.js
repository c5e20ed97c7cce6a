export default function throttle(fn, gap = 1500) {
  let last = 0
  return function (...args) {
    const now = Date.now()
    if (now - last < gap) return undefined
    last = now
    return fn.apply(this, args)
  }
}
