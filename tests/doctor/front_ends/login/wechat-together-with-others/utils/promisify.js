export const promisify = (fn) => (options) => new Promise((success, fail) => fn({ ...options, success, fail }))
