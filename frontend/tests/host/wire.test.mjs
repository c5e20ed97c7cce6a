/** What a frame says is taken apart; what is not understood, or too large, is dropped. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundle } from 'haoma-browser-host/tools'

const text = await bundle('src/wire.ts', { minify: false })
const { heard } = await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`)
const request = { method: 'POST', path: '/v1/apps/shop/phone-number', headers: { a: 'b' }, body: '{}' }

test('what is understood is rebuilt, without anything else in it', () => {
  assert.deepEqual(heard({ id: 1, ask: 'login', more: 1 }), { id: 1, ask: 'login' })
  assert.deepEqual(heard({ id: 1, ask: 'ask', openType: 'getPhoneNumber', allow: true }), {
    id: 1,
    ask: 'ask',
    openType: 'getPhoneNumber',
  })
  assert.deepEqual(heard({ id: 1, ask: 'send', request: { ...request, url: 'x' } }), { id: 1, ask: 'send', request })
  assert.deepEqual(heard({ tell: 'error', text: 'x'.repeat(9999) }), { tell: 'error', text: 'x'.repeat(2000) })
})

const dropped = {
  'no object': 'login',
  nothing: null,
  'no number': { id: '1', ask: 'login' },
  'another question': { id: 1, ask: 'tap', allow: true },
  'another open type': { id: 1, ask: 'ask', openType: 'getUserInfo' },
  'no request': { id: 1, ask: 'send' },
  'another method': { id: 1, ask: 'send', request: { ...request, method: 'CONNECT' } },
  'an address': { id: 1, ask: 'send', request: { ...request, path: 'https://a.example/' } },
  'a long path': { id: 1, ask: 'send', request: { ...request, path: `/${'x'.repeat(2048)}` } },
  'a long body': { id: 1, ask: 'send', request: { ...request, body: 'x'.repeat(128 * 1024 + 1) } },
  'a body that is no text': { id: 1, ask: 'send', request: { ...request, body: { length: 1 } } },
  'a header that is no text': { id: 1, ask: 'send', request: { ...request, headers: { a: 1 } } },
  'a long header': { id: 1, ask: 'send', request: { ...request, headers: { a: 'x'.repeat(4097) } } },
  'many headers': {
    id: 1,
    ask: 'send',
    request: { ...request, headers: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`a${at}`, ''])) },
  },
  'a title that is no text': { tell: 'title', text: {} },
}
for (const [name, value] of Object.entries(dropped)) {
  test(`dropped: ${name}`, () => assert.equal(heard(value), undefined))
}
