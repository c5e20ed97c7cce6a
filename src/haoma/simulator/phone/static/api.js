// The simulator's own interface. A fault says whether the simulator is away, or what it refused.
import { lang } from './dom.js';

export class Fault extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(path, body) {
  const asked = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(`/phone/api/${path}`, { cache: 'no-store', credentials: 'same-origin', ...asked });
  } catch {
    throw new Fault(0, '');
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Fault(answer.status, told.error || `HTTP ${answer.status}`);
  return told;
}

export const catalogue = () => call(`catalogue?lang=${lang}`);
export const begin = (chosen) => call('runs', chosen);
export const timeline = (run) => call(`runs/${encodeURIComponent(run)}?lang=${lang}`);
export const login = (run) => call(`runs/${encodeURIComponent(run)}/login`, {});
export const tap = (run, allow) => call(`runs/${encodeURIComponent(run)}/tap`, { allow });
export const send = (run, request) => call(`runs/${encodeURIComponent(run)}/send`, request);
export const clock = (change) => call('clock', change);
