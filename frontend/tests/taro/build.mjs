// Builds the example with Taro's own toolchain, in React and in Vue, for every target, from the kit as npm would install
// it. What the documentation shows is built as further pages of it. What has not changed since is not built again. Run it
// by itself, or let the tests do it.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { KEY, SERVER } from '../e2e/world.mjs'

const run = promisify(execFile)
const frontend = fileURLToPath(new URL('../..', import.meta.url))
export const example = path.join(frontend, 'examples/taro')

const targets = { react: ['weapp', 'alipay', 'swan', 'tt', 'qq', 'jd', 'h5'], vue3: ['weapp', 'alipay', 'swan', 'tt', 'h5'] }
export const builds = Object.entries(targets).flatMap(([framework, each]) => each.map((target) => ({ framework, target })))

/** The example with the pages of the documentation; it lies where Taro finds what is installed. */
const project = path.join(example, '.tests')

/** Where a build lies. */
export const folder = (framework, target) => path.join(project, 'dist', framework, target)

/** Build what is missing or old. */
export async function build() {
  if (isStale(path.join(frontend, 'core/dist/index.js'), path.join(frontend, 'core/src'))) {
    await run('npm', ['run', 'build', '--workspace', 'core'], { cwd: frontend })
  }
  const stamp = path.join(project, 'stamp')
  const now = digest()
  if (!fs.existsSync(stamp) || fs.readFileSync(stamp, 'utf8') !== now) {
    fs.rmSync(project, { recursive: true, force: true })
    await install()
    prepare()
    fs.writeFileSync(stamp, now)
  }
  const left = builds.filter(({ framework, target }) => !fs.existsSync(folder(framework, target) + '.built'))
  await Promise.all([worker(left), worker(left)])
}

async function worker(left) {
  for (let next = left.shift(); next; next = left.shift()) {
    const { framework, target } = next
    const taro = path.join(example, 'node_modules/@tarojs/cli/bin/taro')
    const env = { ...process.env, FRAMEWORK: framework, NODE_ENV: 'production', TARO_APP_SERVER: SERVER, TARO_APP_KEY: KEY }
    try {
      await run(process.execPath, [taro, 'build', '--type', target], { cwd: project, env, maxBuffer: 1 << 26 })
    } catch (error) {
      throw new Error(`taro build --type ${target} (${framework}) failed:\n${errors(error.stdout) || error.stderr}`)
    }
    fs.writeFileSync(folder(framework, target) + '.built', '')
  }
}

/** What a build says is wrong, without its progress. */
const errors = (text) => text.match(/✖ Errors:[^●]*/)?.[0]

/** Install Taro if it is missing, and the kit anew: npm takes only what the packages would publish. */
async function install() {
  const modules = path.join(example, 'node_modules')
  for (const name of ['haoma-core', 'haoma-taro']) fs.rmSync(path.join(modules, name), { recursive: true, force: true })
  await run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: example, maxBuffer: 1 << 26 })
}

/** Copy the example, and add the pages. */
function prepare() {
  for (const name of SOURCES) fs.cpSync(path.join(example, name), path.join(project, name), { recursive: true })
  for (const [source, pages] of Object.entries(written())) {
    const config = path.join(project, 'src', source, 'app.config.js')
    const names = Object.keys(pages).map((name) => `'pages/${path.dirname(name)}/index'`)
    const text = fs.readFileSync(config, 'utf8')
    fs.writeFileSync(config, text.replace("'pages/member/index'", ["'pages/member/index'", ...names].join(', ')))
    for (const [name, page] of Object.entries(pages)) {
      const file = path.join(project, 'src', source, 'pages', name)
      fs.mkdirSync(path.dirname(file))
      fs.writeFileSync(file, page)
    }
  }
}

/** What the documentation shows: the button of the guide, and both samples of the component; and the way by text message. */
const written = () => ({
  react: {
    'hand/index.jsx': `const SERVER = '${SERVER}'\n${sample('docs/guide.md', '<b>Taro (React)</b>', 'jsx')}`,
    'docs/index.jsx': sample('docs/front-end.md', '## Taro', 'jsx'),
    'sms/index.jsx': page('sms.jsx'),
  },
  vue: { 'docs/index.vue': sample('docs/front-end.md', '## Taro', 'vue'), 'sms/index.vue': page('sms.vue') },
})

/** A page of the tests. */
const page = (name) => fs.readFileSync(new URL(`pages/${name}`, import.meta.url), 'utf8')

/** The first block of code in a language, after a heading. */
export function sample(file, heading, language) {
  const text = fs.readFileSync(path.join(frontend, '..', file), 'utf8')
  const found = text.slice(text.indexOf(heading)).match(new RegExp('```' + language + '\n([^]*?)```'))
  if (!text.includes(heading) || !found) throw new Error(`${file} shows no ${language} after ${heading}`)
  return found[1]
}

const SOURCES = ['src', 'config', 'babel.config.js', 'package.json', '.env']

/** What a build depends on. */
function digest() {
  const hash = createHash('sha256').update(SERVER + KEY + JSON.stringify(written()))
  const inputs = [...SOURCES, 'package-lock.json'].map((name) => path.join(example, name))
  for (const input of [...inputs, path.join(frontend, 'taro'), path.join(frontend, 'core/dist')]) {
    for (const file of files(input)) hash.update(path.relative(frontend, file) + '\0').update(fs.readFileSync(file)).update('\0')
  }
  return hash.digest('hex')
}

// Others may be reading what is there.
const isStale = (built, source) =>
  !fs.existsSync(built) || files(source).some((file) => fs.statSync(file).mtimeMs > fs.statSync(built).mtimeMs)

function files(at) {
  if (!fs.statSync(at).isDirectory()) return [at]
  return fs.readdirSync(at).sort().filter((name) => name !== 'node_modules').flatMap((name) => files(path.join(at, name)))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build()
