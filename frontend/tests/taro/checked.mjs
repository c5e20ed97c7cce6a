// What can be said of the emitted folders without running their pages.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { builds, folder } from './build.mjs'

describe("WeChat's own compiler of templates and styles", () => {
  const { wxmlToJs, wxssToJs } = createRequire(import.meta.url)('miniprogram-compiler')
  let room
  before(() => (room = fs.mkdtempSync(path.join(os.tmpdir(), 'haoma-wcc-'))))
  after(() => fs.rmSync(room, { recursive: true }))

  const copied = (framework) => {
    const copy = path.join(room, framework)
    fs.cpSync(folder(framework, 'weapp'), copy, { recursive: true })
    return copy
  }
  for (const framework of ['react', 'vue3']) {
    test(`takes the page in ${framework}`, () => {
      const copy = copied(framework)
      assert.match(wxmlToJs(copy), /bindgetphonenumber/)
      assert.match(wxssToJs(copy), /goods-unit/)
    })
  }

  test('refuses a template that is broken', () => {
    const file = path.join(copied('react'), 'base.wxml')
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('</button>', ''))
    assert.throws(() => wxmlToJs(path.dirname(file)), /base\.wxml/)
  })
})

test('no folder has code of another platform: Taro has chosen when it built', () => {
  for (const { framework, target } of builds.filter(({ target }) => target !== 'h5')) {
    const code = fs.readFileSync(path.join(folder(framework, target), 'vendors.js'), 'utf8')
    const listens = /onGet(A|a)uthorize/.test(code)
    assert.equal(listens, target === 'alipay', `${framework}, ${target}`)
    assert.equal(/onGet(P|p)hone(N|n)umber/.test(code), target !== 'alipay', `${framework}, ${target}`)
  }
})

test('the types of both components are those of the core', () => {
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json').replace('package.json', 'bin/tsc')
  const found = spawnSync(process.execPath, [tsc, '-p', fileURLToPath(new URL('types', import.meta.url))], { encoding: 'utf8' })
  assert.equal(found.stdout + found.stderr, '')
  assert.equal(found.status, 0)
})
