export const module = { POST: 'POST' }
export let exports = {}
