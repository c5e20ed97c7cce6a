// What happened: five stops on one rail, what it means, and the code that repeats it.
import { badge, h, icon, number, rich, say, sentences, toast } from './dom.js';

const STOPS = ['sealed', 'sent', 'checked', 'came', 'means'];
const SEALS = { sealed: '封', sent: '发', checked: '验', came: '得', means: '解' };
const KEYWORDS = /^(curl|try|except|as|with|assert|def|import|from|for|in|print)$/;

export class Timeline {
  constructor(root) {
    this.root = root;
    this.tab = 'curl';
    this.before = {};
    this.shown = {};
  }

  /**
   * @param told The simulator's account of the run.
   * @param view `{platform, title, tapped, deciding, again}`.
   */
  draw(told, view) {
    this.told = told;
    const stops = Object.fromEntries(told.stops.map((each) => [each.id, each]));
    const fresh = STOPS.filter((name) => done(stops[name]) && !done(this.before[name]));
    this.before = stops;
    const verdict = ['ok', 'no', 'fix', 'unk'].includes(stops.came.state) ? stops.came.state : '';
    if (!this.list?.isConnected) this.shown = {};
    const { tapped, deciding, logsIn } = view;
    const seen = [told.run, tapped, deciding, logsIn];
    const header = this.#part('header', [seen, told.scene, stops.came], () => this.#header(told, view, stops, verdict));
    const items = STOPS.map((name) => this.#part(name, [seen, stops[name], name === 'came' || name === 'means' ? [stops.came, stops.means] : null],
      () => this.#stop(name, stops[name], told, view, fresh.indexOf(name))));
    const code = this.#part('code', told.code, () => this.#code(told.code));
    if (!this.list?.isConnected) {
      this.list = h('ol', { class: 'line' }, items);
      this.root.replaceChildren(header, this.list, code);
    }
    return { verdict, masked: stops.came.masked, text: stops.means.heading || stops.came.text };
  }

  /** Makes a part anew only if it has changed: what stays is not read out again, and keeps focus and folds. */
  #part(name, facts, make) {
    const text = JSON.stringify(facts);
    const old = this.shown[name];
    if (old?.text === text) return old.node;
    const node = make();
    old?.node.replaceWith(node);
    this.shown[name] = { text, node };
    return node;
  }

  #header(told, view, stops, verdict) {
    return h('header', {}, h('h1', { tabindex: '-1' }, heading(told, view)),
      h('span', { class: 'end' }, verdict ? badge(verdict, 'a', { href: '#means' }) : null, h('span', { class: 't' }, spent(stops)),
        view.tapped ? h('button', { class: 'btn small', type: 'button', onclick: view.again }, icon('again'), say('watch.again')) : null));
  }

  /** Draws the same account, seen anew. */
  again(view) {
    this.draw(this.told, view);
  }

  #stop(name, stop, told, view, arrived) {
    const quiet = stop.state === 'ok' && (name === 'sealed' || name === 'sent');
    const made = h('li', { class: `stop ${quiet ? '' : stop.state}${arrived >= 0 ? ' arrived' : ''}`, id: name },
      h('span', { class: 'stamp', 'aria-hidden': 'true' }, SEALS[name]),
      h('header', {}, h('h2', {}, stop.remedy ? say('watch.to-do') : stop.title), time(stop, view)),
      stop.state === 'idle' || (stop.state === 'now' && !view.tapped) ? waiting(name, stop, view) : PARTS[name](stop, told, view));
    if (arrived > 0) for (const each of made.children) each.style.animationDelay = `${arrived * 110}ms`;
    return made;
  }

  #code(code) {
    const names = Object.keys(code);
    if (!names.includes(this.tab)) [this.tab] = names;
    const pick = (name, focus) => {
      this.tab = name;
      for (const each of names) {
        tabs[each].setAttribute('aria-selected', String(each === name));
        tabs[each].tabIndex = each === name ? 0 : -1;
        panels[each].hidden = each !== name;
      }
      if (focus) tabs[name].focus();
    };
    const move = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) pick(names[(names.indexOf(this.tab) + step + names.length) % names.length], true);
    };
    const tabs = Object.fromEntries(names.map((name) => [name, h('button', { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `code-${name}`, onclick: () => pick(name) }, LABELS[name] || name)]));
    const panels = Object.fromEntries(names.map((name) => [name, h('pre', { role: 'tabpanel', id: `code-${name}`, 'aria-labelledby': `tab-${name}`, tabindex: '0' }, h('code', {}, coloured(code[name])))]));
    const copy = async () => {
      const copied = await navigator.clipboard?.writeText(code[this.tab]).then(() => true, () => false);
      toast(say(copied ? 'code.copied' : 'code.not-copied'), copied ? 'ok' : 'fix');
    };
    pick(this.tab);
    return h('div', { class: 'codebox' },
      h('header', {}, h('div', { class: 'tabs', role: 'tablist', 'aria-label': say('code.name'), onkeydown: move }, Object.values(tabs)), h('span', { class: 'grow' }),
        h('button', { type: 'button', class: 'btn quiet small', onclick: copy }, icon('copy'), say('code.copy'))),
      Object.values(panels));
  }
}

const LABELS = { python: 'Python' };
const done = (stop) => Boolean(stop) && stop.state !== 'idle' && stop.state !== 'now';

function heading(told, view) {
  if (view.deciding) return say('watch.decide');
  return view.tapped ? told.scene.line : say('watch.tap');
}

function spent(stops) {
  return stops.came.ms === undefined || stops.came.ms === null || !done(stops.came) ? '' : `${Math.round(stops.came.ms)} ms`;
}

function time(stop, view) {
  if (stop.state === 'now') {
    const waits = !view.tapped;
    return h('span', { class: 't' }, waits ? say('watch.waiting') : [say('watch.running'), ' ', h('span', { class: 'running', 'aria-hidden': 'true' }, h('b'), h('b'), h('b'))]);
  }
  return done(stop) && Number.isFinite(stop.ms) ? h('span', { class: 't' }, `+${Math.round(stop.ms)} ms`) : null;
}

function waiting(name, stop, view) {
  if (stop.text) return said(stop);
  return h('p', {}, say(name === 'sealed' && view.logsIn ? 'watch.ready' : `watch.idle-${name}`));
}

const PARTS = {
  sealed: (stop) => [said(stop), sent(stop.wire)],
  sent: (stop) => [said(stop), sent(stop.wire)],
  checked: (stop) => [said(stop), stop.steps?.length && stop.state !== 'idle' ? steps(stop.steps) : null],
  came(stop, told) {
    const { heading } = told.stops.find((each) => each.id === 'means');
    const code = [stop.status, stop.code].filter(Boolean).join(' ');
    return [
      h('div', { class: 'outcome' }, stop.masked ? number(stop.masked, true) : h('p', { class: 'verdict' }, rich(heading || stop.text || say(`outcome.${stop.state}`))), badge(stop.state), code ? h('span', { class: 'code' }, code) : null),
      heading || stop.masked ? said(stop) : null,
      stop.checks?.length ? h('ul', { class: 'chips' }, stop.checks.map((each) => h('li', { class: each.proven ? 'chip ok' : 'chip', title: each.how || null }, icon(each.proven ? 'ok' : 'not'), h('span', {}, each.label), h('span', { class: 'sr' }, `: ${say(each.proven ? 'watch.proven' : 'watch.not-proven')}`)))) : null,
    ];
  },
  means(stop, told, view) {
    if (!stop.remedy) return said(stop);
    const code = told.stops.find((each) => each.id === 'came').code;
    return [
      h('p', {}, rich(stop.cause || stop.text || '')),
      h('div', { class: `todo ${stop.state}` },
        stop.who_label ? h('p', { class: 'who' }, say('watch.who', { who: stop.who_label })) : null,
        h('ol', {}, sentences(stop.remedy).map((each) => h('li', {}, rich(each)))),
        h('div', { class: 'row wrap foot' }, h('button', { class: 'btn', type: 'button', onclick: view.again }, icon('again'), say('watch.again')),
          stop.page || stop.see ? h('a', { class: 'btn quiet', href: stop.page || stop.see, target: '_blank', rel: 'noreferrer' }, say('watch.page-of', { code })) : null)),
    ];
  },
};

const said = (stop) => (stop.text ? h('p', {}, rich(stop.text)) : null);
const sent = (wire) => (wire ? h('div', { class: 'wire' }, wire.head, wire.body === undefined || wire.body === null ? '' : [wire.head ? (wire.head.endsWith('=') ? ' ' : '\n') : '', plain(wire.body)]) : null);

function steps(all) {
  const row = (each) => {
    const ran = each.state !== 'idle';
    const bad = ran && each.state !== 'ok';
    const word = say(bad ? 'watch.failed' : ran ? 'watch.passed' : 'watch.not-run');
    return h('li', { class: bad ? `bad ${each.state}` : ran ? 'ok' : 'not' }, h('b', { class: 'n' }, String(each.n)), h('span', { class: 'm' }, icon(bad ? (each.state === 'unk' ? 'unk' : 'no') : ran ? 'ok' : 'not'), h('span', { class: 'sr' }, word)),
      h('span', { class: 'what' }, rich(each.text)), each.reason ? h('span', { class: 'why' }, rich(each.reason)) : null);
  };
  const rest = all.filter((each) => each.state === 'idle');
  if (rest.length < 3) return h('ol', { class: 'steps' }, all.map(row));
  const down = h('details', {}, h('summary', {}, h('b', { class: 'n' }, `${rest[0].n}–${rest.at(-1).n}`), h('span', {}, say('watch.fold', { count: rest.length })), icon('down')), h('ol', { class: 'steps' }, rest.map(row)));
  return h('ol', { class: 'steps' }, all.filter((each) => each.state !== 'idle').map(row), h('li', { class: 'fold' }, down));
}

/** What went over the wire, as JSON without quotes around its names; what is secret in it is shortened. */
function plain(value) {
  if (Array.isArray(value)) return ['[', value.flatMap((each, n) => [n ? ', ' : '', plain(each)]), ']'];
  if (value === null || typeof value !== 'object') return typeof value === 'string' ? h('span', { class: 's' }, JSON.stringify(value)) : String(value);
  if (typeof value.short === 'string') return [value.short, h('i', {}, `(${value.size})`)];
  if (typeof value.masked === 'string') return number(value.masked);
  return ['{', Object.entries(value).flatMap(([name, each], n) => [n ? ', ' : '', h('b', {}, name), ': ', plain(each)]), '}'];
}

function coloured(text) {
  return text.split(/('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|#[^\n]*|\b[a-z]+\b)/).map((part) => {
    if (/^['"]/.test(part)) return h('span', { class: 's' }, part);
    if (/^#/.test(part)) return h('span', { class: 'c' }, part);
    return KEYWORDS.test(part) ? h('span', { class: 'k' }, part) : part;
  });
}
