/** The bundles in the repository are what a build makes of the sources. */

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { build, OUT } from '../../host/build.mjs'

test('a build gives the same bytes', async (t) => {
  const made = await mkdtemp(path.join(os.tmpdir(), 'haoma-host-'))
  t.after(() => rm(made, { recursive: true, force: true }))
  await build(made)
  assert.deepEqual((await readdir(OUT)).sort(), (await readdir(made)).sort())
  for (const name of await readdir(made)) {
    const [committed, fresh] = await Promise.all([readFile(path.join(OUT, name)), readFile(path.join(made, name))])
    assert.ok(committed.equals(fresh), `${name} is not what \`npm run build\` makes: run it, and commit`)
  }
})

test('the licences of all that is inside are beside it', async () => {
  const text = await readFile(path.join(OUT, 'licences.txt'), 'utf8')
  for (const name of [
    'glass-easel ',
    'glass-easel-miniprogram-adapter ',
    'glass-easel-template-compiler ',
    'sucrase ',
  ]) {
    assert.match(text, new RegExp(`^${name}[\\d.]+, MIT\n\n[\\s\\S]*?Permission is hereby granted`, 'm'))
  }
})

test('so are the libraries of Rust in the compiler, each with its version', async () => {
  const text = await readFile(path.join(OUT, 'licences.txt'), 'utf8')
  const wasm = await readFile(path.join(OUT, 'compiler.wasm'), 'latin1')
  const names = new Set([...wasm.matchAll(/registry\/src\/[^/]+\/([\w-]+)-(\d+\.\d+\.\d+)\//g)].map(([, name, version]) => `${name} ${version}`))
  assert.ok(names.size > 9)
  for (const name of names) assert.ok(text.includes(name), name)
})

test("what the simulator's page loads needs no eval", async () => {
  assert.doesNotMatch(await readFile(path.join(OUT, 'host.js'), 'utf8'), /\beval\(|new Function|\bFunction\(/)
})
