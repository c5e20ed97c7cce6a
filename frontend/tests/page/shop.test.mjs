/** The shop on the phone is what its sources and the component make. */

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { build, OUT } from '../../shop/build.mjs'

test('the shops are what a build makes, byte for byte', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'haoma-shop-'))
  try {
    await build(folder)
    const made = await readdir(folder)
    assert.deepEqual(made.sort(), ['shop-alipay.js', 'shop-wechat.js'])
    for (const name of made) {
      const [one, other] = await Promise.all([readFile(path.join(folder, name), 'utf8'), readFile(path.join(OUT, name), 'utf8')])
      assert.ok(one === other, `${name} is stale: node frontend/shop/build.mjs`)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
