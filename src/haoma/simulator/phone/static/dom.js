// Elements, icons, numbers and text with code in it. Nothing here writes HTML: what others sent stays text.
import { WORDS } from './words.js';

export const lang = document.documentElement.lang === 'en' ? 'en' : 'zh';

/** A text of the page, with its placeholders filled in. */
export function say(key, facts = {}) {
  const words = WORDS[lang][key];
  if (words === undefined) throw new Error(`no words for ${key}`);
  return words.replace(/\{(\w+)\}/g, (_, name) => String(facts[name]));
}

/** An element: attributes, `on…` listeners, and children (elements, texts, lists; null is left out). */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat(9).filter((each) => each !== null && each !== undefined && each !== ''));
  return made;
}

const SHAPES = {
  ok: ['m3.5 8.5 3 3 6-7'],
  no: ['m4.5 4.5 7 7m0-7-7 7'],
  fix: ['M8 3.2v6', 'f:M8 11.05a.95.95 0 1 0 0 1.9a.95.95 0 1 0 0-1.9z'],
  unk: ['M5.6 6.1a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.2.8-1.2 1.6', 'f:M8 11.500a.9.9 0 1 0 0 1.800a.9.9 0 1 0 0-1.800z'],
  not: ['f:M8 6.4a1.6 1.6 0 1 0 0 3.2a1.6 1.6 0 1 0 0-3.2z'],
  down: ['m4 6 4 4 4-4'],
  copy: ['M7 5.500h4.500a1.500 1.500 0 0 1 1.500 1.500v5a1.500 1.500 0 0 1-1.500 1.500H7A1.500 1.500 0 0 1 5.500 12V7A1.500 1.500 0 0 1 7 5.500z', 'M10.500 3.500v-.2A1.300 1.300 0 0 0 9.200 2H4.300A1.300 1.300 0 0 0 3 3.300v5.900a1.300 1.300 0 0 0 1.300 1.300'],
  again: ['M3 8a5 5 0 1 0 1.600-3.700L3 5.800M3 2.800v3h3'],
  find: ['M7 2.800a4.200 4.200 0 1 0 0 8.400a4.200 4.200 0 1 0 0-8.400z', 'm10.200 10.200 3 3'],
  folder: ['M2.500 12V4.500a1 1 0 0 1 1-1h3l1.500 1.800h4.500a1 1 0 0 1 1 1V12a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1z'],
};
const SVG = 'http://www.w3.org/2000/svg';

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function icon(name) {
  const paths = SHAPES[name].map((d) => (d.startsWith('f:') ? svg('path', { d: d.slice(2), class: 'f' }) : svg('path', { d })));
  return svg('svg', { class: 'i', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, ...paths);
}

/** The picture of the goods. */
export function picture() {
  return svg('svg', { viewBox: '0 0 52 52', 'aria-hidden': 'true' },
    svg('rect', { width: 52, height: 52, fill: '#f3e3cf' }),
    svg('circle', { cx: 38, cy: 14, r: 6, fill: '#d9793b' }),
    svg('path', { d: 'M0 38 16 24l12 10 10-8 14 10v16H0z', fill: '#8aa66b' }),
    svg('path', { d: 'M0 45 12 38l14 8 12-6 14 6v6H0z', fill: '#6f8d52' }));
}

/** A masked number such as 138****5544 or +852 51****67: hidden digits are drawn, and said. */
export function number(masked, big = false) {
  const made = h('span', { class: big ? 'num big' : 'num' });
  for (const part of masked.split(/(\*+)/)) {
    if (!part.startsWith('*')) { made.append(part); continue; }
    made.append(h('i', { 'aria-hidden': 'true' }, Array.from(part, () => h('b'))), h('span', { class: 'sr' }, ` (${say('shop.hidden')}) `));
  }
  return made;
}

/** Text of the catalogue: `code` is code, and A > B > C is a path through a console. */
export function rich(text) {
  return text.split(/(`[^`]+`)/).flatMap((part) => {
    if (/^`.+`$/.test(part)) return [h('code', {}, part.slice(1, -1))];
    return part.split(/([^\s，。；：,;:（）()“”]+(?: [>›] [^\s，。；：,;:（）()“”]+)+)/).map((piece) => {
      const steps = piece.split(/ [>›] /);
      if (steps.length < 2) return piece;
      return h('span', { class: 'path' }, steps.flatMap((step, n) => [n ? h('b', {}, '›') : null, h('span', {}, step)]));
    });
  });
}

/** The sentences of a text, so that each can be a step of a list. */
export function sentences(text) {
  return text.split(/(?<=[。！？])|(?<=[.!?])\s+(?=[A-Z])/).map((each) => each.trim()).filter(Boolean);
}

export function badge(outcome, tag = 'span', attributes = {}) {
  return h(tag, { class: `badge ${outcome}`, ...attributes }, icon(outcome), say(`outcome.${outcome}`));
}

let gone;
export function toast(text, sign = 'ok') {
  document.querySelector('.toast')?.remove();
  clearTimeout(gone);
  const made = h('div', { class: 'toast', role: 'status' }, icon(sign), text);
  document.body.append(made);
  gone = setTimeout(() => made.remove(), 1800);
}

/** Puts the words where the page's HTML asks for them. */
export function fill(root = document) {
  for (const each of root.querySelectorAll('[data-say]')) each.textContent = say(each.dataset.say);
  for (const each of root.querySelectorAll('[data-label]')) each.setAttribute('aria-label', say(each.dataset.label));
}
