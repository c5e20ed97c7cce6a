// WeChat's own packer ("构建 npm") takes the native package as it is. It needs no account and no network for that.
import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const at = (place) => fileURLToPath(new URL(place, import.meta.url))

test("WeChat's packer makes of the package what is in its miniprogram_dist", async (t) => {
  const room = await mkdtemp(path.join(os.tmpdir(), 'haoma-pack-'))
  t.after(() => rm(room, { recursive: true, force: true }))
  const filter = (each) => !each.includes('node_modules/')
  await cp(at('../../examples/native-wechat'), room, { recursive: true, filter })
  await cp(at('../../native'), path.join(room, 'node_modules/haoma-miniprogram'), { recursive: true })
  const { packNpmManually } = createRequire(import.meta.url)('miniprogram-ci')
  const found = await packNpmManually({ packageJsonPath: path.join(room, 'package.json'), miniprogramNpmDistDir: room })
  assert.deepEqual(found, { miniProgramPackNum: 1, otherNpmPackNum: 0, warnList: [] })
  const [packed, source] = [path.join(room, 'miniprogram_npm/haoma-miniprogram'), at('../../native/miniprogram_dist')]
  const names = (await readdir(source, { recursive: true, withFileTypes: true })).filter((each) => each.isFile())
  assert.equal((await readdir(packed, { recursive: true, withFileTypes: true })).filter((each) => each.isFile()).length, names.length)
  for (const { parentPath, name } of names) {
    const file = path.relative(source, path.join(parentPath, name))
    assert.ok((await readFile(path.join(packed, file))).equals(await readFile(path.join(source, file))), file)
  }
})
