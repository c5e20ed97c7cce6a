/** The native examples, with the package of the component where npm and the platforms' tools put it. */

import { fileURLToPath } from 'node:url'
import { files } from 'haoma-browser-host/tools'
import { KEY } from './world.mjs'

const frontend = fileURLToPath(new URL('../..', import.meta.url))
const PLACES = {
  wechat: ['miniprogram_dist', 'miniprogram_npm/haoma-miniprogram'],
  alipay: ['es', 'node_modules/haoma-miniprogram/es'],
}

export async function example(platform) {
  const [folder, place] = PLACES[platform]
  const shop = await files(`${frontend}/examples/native-${platform}`)
  const keyed = shop['shop.js'].replace("publishableKey = ''", `publishableKey = '${KEY}'`)
  if (keyed === shop['shop.js']) throw new Error('the example has no place for a key')
  return { ...shop, 'shop.js': keyed, ...(await files(`${frontend}/native/${folder}`, place)) }
}
