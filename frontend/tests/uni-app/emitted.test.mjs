/** What the compiler emitted, to the letter; what WeChat's own compiler and the doctor say about it; and the plugin. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { parse } from './markup.mjs'
import { TARGETS } from './targets.mjs'

const at = (place) => fileURLToPath(new URL(place, import.meta.url))
const ROOT = at('../../..')
const BUILT = at('../../examples/uni-app/dist/build')
const PLUGIN = at('../../examples/uni-app/dist/plugin')
const SOURCE = at('../../uni-app')
const OF_THE_PACKAGE = 'node-modules/haoma-uni/components/haoma-phone-button/haoma-phone-button'
const OF_THE_PLUGIN = 'uni_modules/haoma-phone-button/components/haoma-phone-button/haoma-phone-button'
const read = (...place) => fs.readFileSync(path.join(...place), 'utf8')
const buttonsIn = (nodes) => nodes.flatMap((each) => (each.tag === 'button' ? [each] : buttonsIn(each.children ?? [])))
const haoma = (...args) => {
  const python = process.env.HAOMA_PYTHON ?? path.join(ROOT, '.venv/bin/python')
  return promisify(execFile)(python, ['-m', 'haoma', ...args], { env: { ...process.env, PYTHONPATH: path.join(ROOT, 'src') } })
}

// What the platform listens to is the exact name: another capital, and the button is dead without a word.
const PHONE = ['open-type', 'bindgetphonenumber']
const ATTRIBUTES = {
  'mp-weixin': [
    'open-type', 'phone-number-no-quota-toast', 'bindgetphonenumber', 'bindgetrealtimephonenumber',
    'bindagreeprivacyauthorization',
  ],
  'mp-alipay': ['open-type', 'scope', 'onGetAuthorize', 'onError'],
  'mp-baidu': PHONE, 'mp-toutiao': PHONE, 'mp-kuaishou': PHONE, 'mp-xhs': PHONE, 'mp-qq': PHONE, 'mp-jd': PHONE,
} // prettier-ignore

for (const [name, wanted] of Object.entries(ATTRIBUTES)) {
  test(`${name}: a button of the platform and a plain one, with exactly the attributes of the platform`, () => {
    const { ext, prefix, openType } = TARGETS[name]
    const looks = ['class', 'type', 'disabled', 'loading', `${prefix}if`, `${prefix}else`]
    const [again, button, send, use, ...more] = buttonsIn(parse(read(BUILT, name, OF_THE_PACKAGE + ext)))
    const names = (node) => Object.keys(node.attributes).filter((each) => !looks.includes(each))
    assert.deepEqual(names(again), [name === 'mp-alipay' ? 'onTap' : 'bindtap'])
    assert.deepEqual(names(button), wanted)
    assert.deepEqual([names(send), names(use)], [names(again), names(again)])
    assert.deepEqual(more, [])
    if (name !== 'mp-weixin') assert.equal(button.attributes['open-type'], openType)
    if (name === 'mp-alipay') assert.equal(button.attributes.scope, 'phoneNumber')
  })

  test(`${name}: the component knows this platform and no other`, () => {
    const known = read(BUILT, name, `${OF_THE_PACKAGE}.js`).match(/"(?:wechat|alipay|baidu|douyin|kuaishou|xiaohongshu|qq|jd|h5)"/g)
    assert.deepEqual([...new Set(known)], [`"${TARGETS[name].platform}"`])
  })
}

for (const name of ['mp-weixin', 'mp-alipay']) {
  test(`${name}: the plugin and the package are the same component`, () => {
    for (const suffix of [TARGETS[name].ext, '.json', name === 'mp-weixin' ? '.wxss' : '.acss']) {
      assert.equal(read(PLUGIN, 'dist/build', name, OF_THE_PLUGIN + suffix), read(BUILT, name, OF_THE_PACKAGE + suffix))
    }
  })
}

test("WeChat's own compilers take the templates and the styles", async () => {
  const { wxmlToJs, wxssToJs } = createRequire(import.meta.url)('miniprogram-compiler')
  for (const [folder, component] of [[path.join(BUILT, 'mp-weixin'), OF_THE_PACKAGE], [path.join(PLUGIN, 'dist/build/mp-weixin'), OF_THE_PLUGIN]]) {
    assert.ok((await wxmlToJs(folder)).includes(`${component}.wxml`))
    assert.ok((await wxssToJs(folder)).includes('haoma-phone-consent'))
  }
})

for (const [name, folder] of [['the example', at('../../examples/uni-app')], ['the component', SOURCE], ['a program with the plugin', path.join(PLUGIN, 'src')]]) {
  test(`the doctor finds nothing in ${name}`, async () => {
    const config = path.join(ROOT, 'docs/example/haoma.toml')
    const { stdout } = await haoma('doctor', '--config', config, '--front-end', folder, '--json').catch((error) => {
      if (error.code !== 1) throw error // 1: there is something to say, here at least about the configuration
      return error
    })
    const codes = JSON.parse(stdout).found.map(({ code }) => code)
    assert.ok(codes.includes('doctor.front-end-clean'), codes.join())
  })
}

test('the plugin is as uni_modules wants it', () => {
  const { id, version, engines, dcloudext, uni_modules: modules } = JSON.parse(read(SOURCE, 'package.json'))
  assert.match(id, /^[a-z0-9]+(?:-[a-z0-9]+)+$/)
  assert.match(version, /^\d+\.\d+\.\d+$/)
  assert.ok(read(SOURCE, 'changelog.md').startsWith(`## ${version}`))
  assert.match(read(SOURCE, 'readme.md'), new RegExp(`^# ${id}`))
  assert.ok(fs.existsSync(path.join(SOURCE, 'components', id, `${id}.vue`)))
  assert.equal(dcloudext.type, 'component-vue')
  assert.deepEqual(Object.keys(dcloudext.declaration), ['ads', 'data', 'permissions'])
  assert.ok(engines.HBuilderX)
  const marks = { wechat: 'weixin', douyin: 'toutiao', xiaohongshu: 'xhs' }
  for (const { platform, isRun } of Object.values(TARGETS)) {
    if (platform !== 'h5') assert.equal(modules.platforms.client['uni-app'].mp[marks[platform] ?? platform], isRun ? '√' : '-')
  }
})
