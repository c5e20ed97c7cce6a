const handlers = {}
export const on = (name, fn) => { (handlers[name] = handlers[name] || []).push(fn) }
export const emit = (name, data) => { (handlers[name] || []).forEach((fn) => fn(data)) }
