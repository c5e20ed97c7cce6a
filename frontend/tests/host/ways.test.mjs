/** Ways of writing that component libraries of both platforms have, in jsdom. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './jsdom.mjs'

const app = '{"pages": ["a"]}'
const using = (target) => JSON.stringify({ usingComponents: { part: target } })
const component = '{"component": true}'
const api = { login: async () => ({ code: 'login' }) }

async function text(t, content) {
  const page = await run({ 'app.json': app, ...content }, { api })
  t.after(() => page.close())
  assert.deepEqual([...page.warnings, ...page.errors], [])
  return page.mounted.root.querySelector('page').textContent.replace(/\s+/g, ' ').trim()
}

test('WXS: required with its extension, inline, with its own functions and constructors', async (t) => {
  const content = {
    'a.wxml': `<wxs src="./a.wxs" module="a" /><wxs module="b">module.exports = { twice: function (n) { return n * 2 } }</wxs>
      <view>{{a.kind(list)}} {{a.kind(name)}} {{a.digits(name)}} {{a.year()}} {{b.twice(4)}}</view>`,
    'a.wxs': `var other = require('./folder/other.wxs')
      module.exports = { kind: function (value) { return value.constructor === 'Array' ? other.list : 'no list' },
        digits: function (text) { return getRegExp('[0-9]+', 'g').exec(text)[0] }, year: function () { return getDate(0).getFullYear() } }`,
    'folder/other.wxs': "module.exports = { list: 'list' }",
    'a.js': "Page({ data: { list: [], name: 'a12' } })",
  }
  assert.equal(await text(t, content), 'list no list 12 1970 8')
})

test('SJS: with import and export', async (t) => {
  const content = {
    'a.axml': '<import-sjs from="./a.sjs" name="a"></import-sjs><view>{{a.twice(4)}}</view>',
    'a.sjs': "import { twice } from './folder/other.sjs'\nexport default { twice: twice }",
    'folder/other.sjs': 'export function twice(n) { return n * 2 }',
    'a.js': 'Page({})',
  }
  assert.equal(await text(t, content), '8')
})

test('packages: an index, the main of package.json, and one beside the page', async (t) => {
  const content = {
    'a.wxml': '<view>{{said}}</view>',
    'a.js':
      "import one from 'one'\nconst two = require('two'), three = require('three/deep')\nPage({ data: { said: [one, two, three].join() } })",
    'miniprogram_npm/one/index.js': "const n='one';export{n as default};",
    'node_modules/two/package.json': '{"main": "lib/main.js"}',
    'node_modules/two/lib/main.js': "module.exports = 'two'",
    'node_modules/three/deep/index.js': "module.exports = 'three'",
  }
  assert.equal(await text(t, content), 'one,two,three')
})

test('WeChat: behaviors, computed observers and properties with the names of nodes', async (t) => {
  const content = {
    'a.json': using('/part'),
    'a.wxml': '<part dataset="{{given}}" size="{{2}}" />',
    'a.js': "Page({ data: { given: 'mine' } })",
    'part.json': component,
    'part.wxml': '<view>{{dataset}} {{size}} {{twice}} {{from}}</view>',
    'part.js': `const shared = Behavior({ data: { from: 'behavior' }, methods: { double(n) { return n * 2 } } })
      Component({ behaviors: [shared, 'wx://form-field'], properties: { dataset: String, size: Number }, data: { twice: 0 },
        observers: { size(size) { this.setData({ twice: this.double(size) }) } } })`,
  }
  assert.equal(await text(t, content), 'mine 2 4 behavior')
})

test('Alipay: properties that are not declared, spread over mixins, and whether somebody listens', async (t) => {
  const content = {
    'a.json': using('/part'),
    'a.axml': '<part loose="{{given}}" own-name="x" onPick="pick" />',
    'a.js': "Page({ data: { given: 'mine' }, pick() {} })",
    'part.json': component,
    'part.axml':
      '<view>{{loose}} {{ownName}} {{onPick ? "heard" : "not"}} {{onDrop ? "heard" : "not"}} {{mixed}} {{said}}</view>',
    'part.js': `const mixin = { data: { mixed: 'mixin' }, didMount() { this.setData({ said: Object.keys(this.props).sort().join() }) } }
      Component({ mixins: [mixin], props: { standard: 1 } })`,
  }
  assert.equal(await text(t, content), 'mine x heard not mixin loose,ownName,standard')
})

test('mini-games: wx.getPhoneNumber asks with the same sheet', async (t) => {
  const content = {
    'app.json': app,
    'a.wxml': '<view id="ask" bindtap="ask">ask</view><view id="said">{{said}}</view>',
    'a.js': `Page({ data: { said: '' }, ask() {
      const promised = wx.getPhoneNumber({
        isRealtime: REALTIME,
        success: ({ code }) => this.setData({ said: code }),
        fail: ({ errMsg }) => this.setData({ said: errMsg }),
      })
      if (promised) this.setData({ said: 'a promise, which WeChat does not give' }) } })`,
  }
  for (const [allow, realtime, expected] of [
    [true, false, 'phone'],
    [true, true, 'phone'],
    [false, false, 'getPhoneNumber:fail user deny'],
  ]) {
    const tap = async () => ({ event: allow ? { errMsg: 'getPhoneNumber:ok', code: 'phone' } : { errMsg: expected } })
    const page = await run({ ...content, 'a.js': content['a.js'].replace('REALTIME', realtime) }, { api: { ...api, tap }, allow })
    t.after(() => page.close())
    await page.tap('[id$="--ask"]')
    assert.equal(page.read('[id$="--said"]'), expected)
    assert.deepEqual(page.asked, [{ platform: 'wechat', openType: realtime ? 'getRealtimePhoneNumber' : 'getPhoneNumber' }])
  }
})

test('WeChat: whose classes have a prefix', async (t) => {
  const part = (name, json, options = '{}') => ({
    [`${name}.json`]: JSON.stringify({ component: true, ...json }),
    [`${name}.wxml`]: '<view class="box" />',
    [`${name}.js`]: `Component({ options: ${options} })`,
  })
  const content = {
    'app.json': app,
    'a.json': JSON.stringify({ usingComponents: { one: '/one', two: '/two', three: '/three', four: '/four' } }),
    'a.wxml': '<one /><two /><three /><four />',
    'a.js': 'Page({})',
    ...part('one', {}),
    ...part('two', { styleIsolation: 'apply-shared' }),
    ...part('three', { styleIsolation: 'shared' }),
    ...part('four', {}, "{ styleIsolation: 'shared' }"),
  }
  const page = await run(content, { api })
  t.after(() => page.close())
  const classes = [...page.mounted.root.querySelectorAll('view')].map((each) => each.className)
  assert.deepEqual(classes, ['one--box', 'box two--box', 'box', 'box'])
})

test('attributes that are there or not', async (t) => {
  const content = {
    'app.json': app,
    'a.wxml':
      '<input id="one" disabled="{{nothing}}" password="{{no}}" /><input id="two" disabled="{{yes}}" password /><image src="/x.png" aria-role="img" />',
    'a.js': 'Page({ data: { no: false, yes: true } })',
    'x.png': 'data:image/png;base64,AAAA',
  }
  const page = await run(content, { api })
  t.after(() => page.close())
  const [one, two] = page.mounted.root.querySelectorAll('input')
  assert.deepEqual([one.disabled, one.type, two.disabled, two.type], [false, 'text', true, 'password'])
  const image = page.find('img')
  assert.deepEqual(
    [image.getAttribute('src'), image.getAttribute('role'), image.alt],
    ['data:image/png;base64,AAAA', 'img', ''],
  )
})
