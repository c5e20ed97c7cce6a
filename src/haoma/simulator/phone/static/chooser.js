// What is played: platform, app, user, scene. Every choice is a link, so the address says what is on the screen.
import { h, icon, lang, say } from './dom.js';

// The scenes that are seen without unfolding anything: those that happen most, or hurt most.
const OFTEN = new Set(['ok', 'overseas', 'stale-token', 'without-login', 'cert-ok', 'sealed-ok', 'denied', 'ok-without-data', 'no-phone-bound', 'button-no-phone',
  'no-phone', 'expired-code', 'expired-login-code', 'used-code', 'used-login-code', 'no-sign', '40001-missing-encrypt-key', '40006',
  'wrong-aes-key', 'wrong-private-key', 'wrong-secret', 'login-code-sent-as-phone-code', 'login-in-callback', 'ip-not-allowed', 'frozen-secret',
  'no-permission', 'no-ability', 'login-sent-along', 'token-war', 'sealed-stale-session-key', 'slow', 'reset-after-consumed', 'login-reset',
  'tampered', 'bit-flips', 'errno-1400001-button', 'errno-104-button']);
const FIRST = ['wechat', 'alipay', 'baidu', 'douyin', 'kuaishou', 'xiaohongshu', 'huawei', 'dingtalk'];

export function address(chosen, changes = {}) {
  const wanted = { ...chosen, ...changes };
  const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
  return `?${query}`;
}

export class Chooser {
  /**
   * @param root Where it is drawn.
   * @param choose Called with what changes.
   */
  constructor(root, choose) {
    this.root = root;
    this.choose = choose;
    this.filter = '';
    this.open = new Set();
  }

  draw(catalogue, chosen, folder) {
    this.catalogue = catalogue;
    this.chosen = chosen;
    this.platform = catalogue.platforms.find((each) => each.name === chosen.platform);
    this.scene = this.platform.scenes.find((each) => each.name === chosen.scene);
    this.list = h('div', { class: 'scenes', role: 'navigation', 'aria-label': say('choose.scenes') });
    const find = h('input', { class: 'input', type: 'search', id: 'find', placeholder: say('choose.filter'), 'aria-label': say('choose.filter'), autocomplete: 'off' });
    find.value = this.filter;
    find.addEventListener('input', () => { this.filter = find.value; this.#scenes(); });
    this.found = h('div', { class: 'found' });
    this.list.append(h('div', { class: 'search' }, icon('find'), find), this.found);
    this.root.replaceChildren(
      h('div', { class: 'choices' }, this.#platforms(folder), this.#apps(), this.#users(), this.#service()),
      this.list);
    this.#scenes();
  }

  #link(changes, current, ...children) {
    const to = { ...this.chosen, ...changes };
    const click = (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.choose(to);
    };
    return h('a', { href: address(to, { lang }), 'data-scene': changes.scene, 'aria-current': current ? 'true' : null, onclick: click }, ...children);
  }

  #platforms({ cell, note }) {
    const rank = ({ name }) => (FIRST.indexOf(name) + FIRST.length + 1) % (FIRST.length + 1);
    const links = [...this.catalogue.platforms].sort((one, other) => rank(one) - rank(other)).map((each) =>
      this.#link({ platform: each.name, app: '', scene: '', user: '' }, each === this.platform, each.title));
    return h('nav', { class: 'field', 'aria-label': say('choose.platform') },
      h('span', { class: 'label' }, say('choose.platform')), h('div', { class: 'pick' }, links, cell), note);
  }

  #select(id, label, options, value, changed, hint) {
    const made = h('select', { class: 'select', id, onchange: (event) => changed(event.target.value) },
      options.map(([of, text]) => h('option', { value: of }, text)));
    made.value = value;
    return h('div', { class: 'field' }, h('label', { for: id }, label),
      h('div', { class: 'select-box' }, made, icon('down')), hint ? h('span', { class: 'hint' }, hint) : null);
  }

  #apps() {
    const apps = [...new Set(this.platform.scenes.map((each) => each.app))];
    if (apps.length < 2) return null;
    const of = (app) => this.platform.scenes.filter((each) => each.app === app);
    const changed = (app) => this.choose({ ...this.chosen, app, scene: app ? of(app)[0].name : this.chosen.scene });
    return this.#select('app', say('choose.app'),
      [['', say('choose.all-apps', { count: apps.length })], ...apps.map((each) => [each, `${each} · ${of(each).length}`])], this.chosen.app, changed,
      this.chosen.app ? '' : say('choose.app-hint', { app: this.scene.app }));
  }

  #users() {
    const users = this.platform.users.map((each) => [each.id, each.label]);
    return this.#select('user', say('choose.user'), users, this.chosen.user, (user) => this.choose({ ...this.chosen, user }));
  }

  #service() {
    const { url, own } = this.catalogue.service;
    return h('div', { class: 'field late' }, h('span', { class: 'label' }, say('choose.to')),
      h('span', {}, own ? say('choose.to-built-in', { address: bare(url) }) : say('choose.to-own', { address: url })),
      own ? h('span', { class: 'hint' }, say('choose.to-hint')) : null);
  }

  #scenes() {
    const words = this.filter.trim().toLowerCase();
    const of = this.platform.scenes.filter((each) => !this.chosen.app || each.app === this.chosen.app);
    const hit = (each) => [each.line, each.name, each.expect, each.app].some((text) => text.toLowerCase().includes(words));
    const groups = this.catalogue.groups.map(({ name, title }) => this.#group(name, title, of.filter((each) => each.group === name && hit(each)), Boolean(words || this.chosen.app)));
    const any = groups.some(Boolean);
    this.found.replaceChildren(...(any ? groups.filter(Boolean) : [h('p', { class: 'none', role: 'status' }, say('choose.filter-none'))]));
  }

  #group(group, title, scenes, whole) {
    if (!scenes.length) return null;
    const open = whole || this.open.has(group);
    const often = scenes.filter((each) => OFTEN.has(each.name) || each === this.scene);
    const seen = open || scenes.length <= 4 ? scenes : often.length ? often : scenes.slice(0, 3);
    const rest = scenes.length - seen.length;
    const turn = (event) => {
      if (!this.open.delete(group)) this.open.add(group);
      this.#scenes();
      event.detail === 0 && this.found.querySelector(`[data-group="${group}"] .more`)?.focus();
    };
    const more = whole || (!rest && !this.open.has(group)) ? null
      : h('button', { class: 'more', type: 'button', 'aria-expanded': String(open), onclick: turn }, open ? say('choose.fewer') : say('choose.more', { count: rest }));
    return h('section', { 'data-group': group }, h('p', {}, title),
      seen.map((each) => this.#link({ scene: each.name }, each === this.scene,
        h('span', { class: `c-${each.outcome}` }, icon(each.outcome), h('span', { class: 'sr' }, say(`outcome.${each.outcome}`))),
        h('span', {}, each.line))), more);
  }
}

const bare = (url) => url.replace(/^https?:\/\//, '');
