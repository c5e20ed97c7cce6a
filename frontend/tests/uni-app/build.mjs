/**
 * Builds the example with uni-app's own compiler for every target, two at a time: with the component as a package, and
 * for WeChat and Alipay also as the plugin in `uni_modules`. Arguments choose among the targets.
 */

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

import { KEY, SERVER } from '../e2e/world.mjs'
import { TARGETS } from './targets.mjs'

const at = (place) => new URL(place, import.meta.url).pathname
const read = (place) => fs.readFileSync(at(place), 'utf8')
const EXAMPLE = at('../../examples/uni-app')
const PLUGIN = path.join(EXAMPLE, 'dist/plugin')

/** The page that a text shows first below a heading. */
function shown(place, heading) {
  const text = read(place)
  const from = text.indexOf(heading)
  if (from < 0) throw new Error(`${place} has no ${heading}`)
  return /^```vue\n([\s\S]*?)^```$/m.exec(text.slice(from))[1]
}

/**
 * Lays out a project that has the plugin instead of the package: the same page, without a line about easycom. Other pages
 * are one with every property, what uni-app itself does on Alipay, and what the README, the page of the kit and the plugin's
 * readme show.
 */
function layOut() {
  fs.rmSync(PLUGIN, { recursive: true, force: true })
  fs.cpSync(path.join(EXAMPLE, 'src'), path.join(PLUGIN, 'src'), { recursive: true })
  for (const each of ['package.json', 'vite.config.js', '.env']) fs.cpSync(path.join(EXAMPLE, each), path.join(PLUGIN, each))
  const pages = path.join(PLUGIN, 'src/pages.json')
  const { easycom, ...rest } = JSON.parse(fs.readFileSync(pages, 'utf8'))
  if (!easycom) throw new Error('the example finds the package without easycom')
  const more = {
    every: read('pages/every.vue'),
    stock: read('pages/stock.vue'),
    hand: shown('../../../docs/guide.md', '<b>uni-app</b>'),
    docs: shown('../../../docs/front-end.md', '## uni-app'),
    'docs-zh': shown('../../../docs/front-end.zh-CN.md', '## uni-app'),
    readme: shown('../../uni-app/readme.md', '## 使用'),
  }
  for (const [name, code] of Object.entries(more)) {
    const file = path.join(PLUGIN, `src/pages/${name}/${name}.vue`)
    fs.mkdirSync(path.dirname(file))
    // The back end of a shop, whose address those who write by hand have in a variable.
    fs.writeFileSync(file, code.replace('<script setup>', "<script setup>\nconst SERVER = 'https://shop.example/v1'"))
    rest.pages.push({ path: `pages/${name}/${name}` })
  }
  fs.writeFileSync(pages, JSON.stringify(rest))
  const source = at('../../uni-app')
  const { id, files } = JSON.parse(fs.readFileSync(path.join(source, 'package.json'), 'utf8'))
  for (const each of ['package.json', ...files]) {
    fs.cpSync(path.join(source, each), path.join(PLUGIN, 'src/uni_modules', id, each), { recursive: true })
  }
}

function build(target, project, name) {
  const from = Date.now()
  const out = path.join(project, 'dist/build', target)
  fs.rmSync(out, { recursive: true, force: true })
  const cli = path.join(EXAMPLE, 'node_modules/@dcloudio/vite-plugin-uni/bin/uni.js')
  const child = spawn(process.execPath, [cli, 'build', '-p', target], {
    cwd: project,
    env: {
      ...process.env, NODE_ENV: 'production', VITE_SERVER: SERVER, VITE_KEY: KEY,
      UNI_INPUT_DIR: path.join(project, 'src'), UNI_OUTPUT_DIR: out,
    },
  })
  let said = ''
  child.stdout.on('data', (chunk) => { said += chunk })
  child.stderr.on('data', (chunk) => { said += chunk })
  return new Promise((resolve, reject) => {
    child.on('close', (status) => {
      const isBad = status !== 0 || /warn|error/i.test(said) || !fs.existsSync(out)
      console.log(`uni-app ${name} ${target}: ${isBad ? 'FAILED' : 'built'} in ${((Date.now() - from) / 1000).toFixed(1)} s`)
      if (isBad) reject(new Error(said))
      else resolve()
    })
  })
} // prettier-ignore

if (!fs.existsSync(path.join(EXAMPLE, 'node_modules'))) {
  console.error('uni-app: first run npm ci --prefix frontend/examples/uni-app')
  process.exit(1)
}
layOut()
const chosen = process.argv.slice(2)
const waiting = Object.keys(TARGETS).map((target) => [target, EXAMPLE, 'package'])
waiting.push(['mp-weixin', PLUGIN, 'plugin'], ['mp-alipay', PLUGIN, 'plugin'])
if (chosen.length) waiting.splice(0, Infinity, ...waiting.filter(([target]) => chosen.includes(target)))
async function work() {
  for (let next; (next = waiting.shift()); ) await build(...next)
}
await Promise.all([work(), work()])
