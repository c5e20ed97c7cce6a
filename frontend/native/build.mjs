// Writes the core, as CommonJS, into both components. The files are in the repository, so that a folder can be copied
// into a mini program as it is; run.sh fails if one is stale.
import { readFile, writeFile } from 'node:fs/promises'

const core = await readFile(new URL('../core/dist/kit.cjs', import.meta.url))
for (const folder of ['miniprogram_dist', 'es']) {
  await writeFile(new URL(`${folder}/haoma-phone-button/core.js`, import.meta.url), core)
}
