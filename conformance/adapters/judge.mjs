// What the adapters for Node share: the protocol, and a reader of WeChat's XML, which these packages do not bring. It
// refuses a DTD and an element that comes twice, so that no package is blamed for a reader of ours.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

export const require = createRequire(new URL('../node/package.json', import.meta.url));
const BUGS = [TypeError, RangeError, ReferenceError];

export async function answer(judge) {
  console.warn = console.error = () => {};
  for await (const line of createInterface({ input: process.stdin })) {
    let said;
    try {
      said = judge(JSON.parse(line));
    } catch (error) {
      if (BUGS.some((bug) => error instanceof bug)) throw error;
      said = { refused: String(error.message) };
    }
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
}

export function element(xml, name) {
  const found = [...xml.matchAll(new RegExp(`<${name}>(?:<!\\[CDATA\\[(.*?)\\]\\]>|([^<&]*))</${name}>`, 'gs'))];
  if (found.length !== 1 || xml.includes('<!DOCTYPE')) throw new Error(`no ${name}`);
  return found[0][1] ?? found[0][2];
}
