// The Dart file and the contract. There is no Dart here: the file is parsed, its functions without a screen are translated
// to JavaScript and run, and MPFlutter's events are replayed as its button passes them on.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'

import Ajv from 'ajv/dist/2020.js'
import { Language, Parser } from 'web-tree-sitter'

import { KEY, world } from '../e2e/world.mjs'
import { NAMES, leave, press, stage } from '../core/platforms.mjs'

const at = (name) => new URL(`../../flutter/${name}`, import.meta.url)
const source = await readFile(at('haoma_phone_button.dart'), 'utf8')
const schema = JSON.parse(await readFile(at('phone-number.schema.json'), 'utf8'))

await Parser.init()
const parser = new Parser()
parser.setLanguage(await Language.load(createRequire(import.meta.url).resolve('@repomix/tree-sitter-wasms/out/tree-sitter-dart.wasm')))
const tree = parser.parse(source)

/** Functions at the top of the file, as JavaScript. They are written in what both languages have in common. */
function functions() {
  const made = {}
  const parts = tree.rootNode.namedChildren
  parts.forEach((signature, i) => {
    if (signature.type !== 'function_signature') return
    const parameters = signature.namedChildren.find((each) => each.type === 'formal_parameter_list')
    const names = parameters.namedChildren.map((each) => each.namedChildren.at(-1).text)
    const body = parts[i + 1].text
      .replace(/\bfinal /g, 'const ')
      .replace(/<String, dynamic>(?=\{)/g, '')
      .replace(/\.contains\(/g, '.includes(')
    made[signature.childForFieldName('name').text] = [names, body]
  })
  // They call each other by name.
  const all = Object.entries(made).map(([name, [names, body]]) => `function ${name}(${names}) ${body}`)
  return new Function(`${all.join('\n')}\nreturn { ${Object.keys(made)} }`)()
}

const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true, allowUnionTypes: true })
ajv.addSchema(schema, 'contract')
const fits = (name, value) => {
  const check = ajv.getSchema(`contract#/$defs/${name}`)
  return check(value) ? [] : check.errors
}

describe('the Dart file', () => {
  test('is Dart', () => {
    assert.equal(tree.rootNode.hasError, false)
    assert.equal(parser.parse(source.replace('return Column(', 'return Column')).rootNode.hasError, true)
  })

  const { haomaAfter, haomaBody, haomaNext, haomaReason } = functions()

  test('its body is the body of the contract', () => {
    assert.deepEqual(haomaBody('L', 'C', '2026-01', 'checkout'), {
      login_code: 'L', authorization: { code: 'C' }, consent: { policy: '2026-01', scene: 'checkout' },
    })
    for (const given of [['L', 'C', '', ''], ['', 'C', '', 'checkout'], ['', 'C', '2026-01', '']]) {
      assert.deepEqual(fits('request', haomaBody(...given)), [])
    }
  })

  // What MPFlutter's template passes to its button, and the button to the handler of the same name.
  const asked = /MPFlutter_Wechat_Button\(([\s\S]*?)\n {8}\),/.exec(source)[1]
  const handlers = Object.fromEntries([...asked.matchAll(/\bon([A-Z]\w+): (\w+),/g)].map(([, name, to]) => [name.toLowerCase(), to]))

  test('it listens to both events of the phone button, and to nothing that there is not', () => {
    assert.deepEqual(handlers, { getphonenumber: '_received', getrealtimephonenumber: '_received' })
    assert.match(asked, /openType: widget\.realtime \? 'getRealtimePhoneNumber' : 'getPhoneNumber'/)
    assert.match(source, /detail\['code'\][\s\S]*detail\['errMsg'\][\s\S]*detail\['errno'\]/)
  })

  test('an event without a code means what it means to the core', async () => {
    stage('wechat')
    const { button } = press()
    for (const detail of [
      { errMsg: 'getPhoneNumber:fail user deny' },
      { errMsg: 'getPhoneNumber:fail:user cancel' },
      { errMsg: 'getPhoneNumber:fail privacy permission is not authorized', errno: 104 },
      { errMsg: 'getPhoneNumber:fail', errno: 103 },
      { errMsg: 'getPhoneNumber:fail', errno: 1400001 },
      { errMsg: 'getPhoneNumber:fail no permission', errno: 102 },
      { errMsg: 'getPhoneNumber:fail', errno: 112 },
      { errMsg: 'getPhoneNumber:fail api scope is not declared in the privacy agreement' },
      { errMsg: 'getPhoneNumber:fail system error' },
      { errMsg: 'getPhoneNumber:ok' },
      {},
    ]) {
      const { reason, next } = await button.received({ detail })
      const found = haomaReason(detail.errMsg ?? '', detail.errno ?? 0)
      assert.deepEqual([found, haomaNext(found, detail.errMsg ?? '', detail.errno ?? 0)], [reason, next], JSON.stringify(detail))
    }
    leave()
  })

  test('an answer means what it means to the core', async () => {
    const server = stage('wechat')
    const { button } = press({ timeout: 1 })
    for (const [status, body] of [
      [422, { code: 'expired', next: 'ask-again' }], [422, { code: 'no-phone', next: 'stop' }], [404, {}], [500, {}], [413, { next: 'x' }],
    ]) {
      server.replies.push({ status, body: { ...body, next: body.next === 'x' ? undefined : body.next } })
      assert.equal(haomaAfter(status, body), (await button.received({ code: 'C' })).next, `${status} ${JSON.stringify(body)}`)
    }
    assert.deepEqual([429, 502, 503, 504, 200].map((status) => haomaAfter(status, {})), [...Array(4).fill('retry-later'), ''])
    leave()
  })
})

describe('the contract', () => {
  let here
  before(async () => {
    here = await world()
  })
  after(() => here?.close())

  test('is what the core sends, on every platform', async () => {
    for (const platform of Object.keys(NAMES)) {
      const host = stage(platform)
      const { button } = press({ policy: '2026-01', scene: 'checkout' })
      await button.start()
      await button.received({ detail: { code: 'C', encryptedData: 'ED', iv: 'IV', errMsg: 'getPhoneNumber:ok' } })
      button.stop()
      const [, body] = host.said.find(([name]) => name === 'request')
      assert.deepEqual(fits('request', body), [], platform)
    }
    leave()
  })

  test('is what the service answers, with both kinds of key', async () => {
    for (const [platform, app, key] of [['alipay', 'shop'], ['wechat', 'shop-wechat', here.key]]) {
      const phone = here.phone(platform)
      const { code } = await phone.api.login()
      const { event } = await phone.api.tap({ allow: true })
      const body = { login_code: code, authorization: platform === 'alipay' ? { response: event.response } : { code: event.code } }
      assert.deepEqual(fits('request', body), [])
      const send = (authorization) =>
        phone.api.send({
          method: 'POST', path: `/v1/apps/${app}/phone-number`, body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', authorization },
        })
      const { status, body: text } = await send(`Bearer ${key ?? KEY}`)
      assert.equal(status, 200, text)
      assert.deepEqual(fits('answer', JSON.parse(text)), [])
      assert.equal('phone_number' in JSON.parse(text), !!key)
      const refused = await send('Bearer nobody')
      assert.equal(refused.status, 401)
      assert.deepEqual(fits('problem', JSON.parse(refused.body)), [])
    }
  })

  test('refuses what no client should send', () => {
    for (const body of [
      {}, { authorization: {} }, { authorization: 'C' }, { authorization: { code: '' } }, { authorization: { encryptedData: 'x' } },
      { authorization: { code: 'C' }, login_code: 'L', session: 'S' }, { authorization: { code: 'C' }, phone: '13800000000' },
      { authorization: { response: 'x', code: 'C' } },
    ]) {
      assert.notDeepEqual(fits('request', body), [], JSON.stringify(body))
    }
  })
})
