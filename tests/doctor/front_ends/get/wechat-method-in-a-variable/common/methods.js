export const METHOD = { READ: 'GET', WRITE: 'POST' }
