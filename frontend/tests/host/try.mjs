import { files } from 'haoma-browser-host/tools'
import { run } from './jsdom.mjs'
const api = { login: async () => ({code:'L1'}), tap: async ({allow}) => ({event: allow ? {errMsg:'getPhoneNumber:ok',code:'P1', response:'{"response":"X"}'} : {errMsg:'getPhoneNumber:fail user deny'}}), send: async () => ({status:200, headers:{}, body:'{"masked":"138****8888"}'}) }
for (const p of process.argv.slice(2)) {
console.log('=====', p)
try {
const r = await run(await files(p), {api})
console.log(r.warnings, r.errors, r.window.document.title)
console.log(r.mounted.root.innerHTML)
const b=[...r.mounted.root.querySelectorAll('[data-open-type^=get]')]
b[0]?.click(); await r.settled(); await r.settled(); console.log(r.mounted.root.textContent, r.sent, r.asked, r.errors)
r.close()
} catch (e) { console.log(e) }
}
