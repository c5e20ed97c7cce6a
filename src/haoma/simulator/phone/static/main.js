// The page: what is chosen, the run that is played on the phone, and what happens beside it.
import * as api from './api.js';
import { Chooser, address } from './chooser.js';
import { badge, fill, h, icon, lang, number, say, toast } from './dom.js';
import { Loader } from './loader.js';
import { drawn, screen, words } from './phone.js';
import { ask } from './sheet.js';
import { Timeline } from './timeline.js';

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const chosen = { platform: query.get('platform') || '', app: query.get('app') || '', user: query.get('user') || '', scene: query.get('scene') || '' };
const chooser = new Chooser($('choices'), choose);
const timeline = new Timeline($('out'));
const loader = new Loader(loaded);
let catalogue, offset = 0, turn = new AbortController(), view;

// --- the top of the page

const remember = (name, value) => { document.cookie = `haoma-${name}=${value}; path=/; max-age=31536000; samesite=strict`; };
remember('lang', lang);
fill();
document.title = `${say('title')} · haoma`;
$('address').textContent = location.host;
$('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  remember('theme', root.dataset.theme);
});
const wide = matchMedia('(min-width: 1181px)');
const fit = () => { $('chooser').open = wide.matches; };
wide.addEventListener('change', fit);
fit();

// --- the clock

const now = () => new Date(Date.now() + offset);
const two = (value) => String(value).padStart(2, '0');
const ahead = () => (Math.abs(offset) < 5000 ? '' : say('clock.ahead', { time: span(Math.round(offset / 1000)) }));
const span = (seconds) => [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60].map(two).join(':');

function tick() {
  const at = now();
  const short = `${two(at.getHours())}:${two(at.getMinutes())}`;
  $('clock').replaceChildren(`${short}:${two(at.getSeconds())}`, ahead() ? h('small', {}, ahead()) : '');
  for (const each of document.querySelectorAll('.phone-time')) each.textContent = short;
}
setInterval(tick, 1000);

$('move').addEventListener('click', (event) => {
  const seconds = event.target.closest('button')?.dataset.seconds;
  if (seconds === undefined) return;
  guard(async () => {
    set(await api.clock(seconds === '0' ? { reset: true } : { advance: Number(seconds) }));
    tick();
  });
});

function set(clock) {
  offset = Math.round(clock.now * 1000 - Date.now());
}

// --- what is chosen

function choose(changes) {
  Object.assign(chosen, changes);
  if (loader.picked && loader.picked.platform !== chosen.platform) loader.picked = undefined;
  const platform = catalogue.platforms.find((each) => each.name === chosen.platform) || first();
  const named = platform.scenes.find((each) => each.name === chosen.scene);
  const scene = named || platform.scenes[0];
  if (chosen.scene && !named) toast(say('fault.no-scene'), 'fix');
  if (chosen.app && scene.app !== chosen.app) chosen.app = '';
  if (!platform.users.some((each) => each.id === chosen.user)) chosen.user = platform.users[0].id;
  Object.assign(chosen, { platform: platform.name, scene: scene.name });
  history.replaceState(null, '', address(chosen));
  $('other-language').textContent = lang === 'zh' ? 'EN' : '中文';
  $('other-language').lang = lang === 'zh' ? 'en' : 'zh-CN';
  $('other-language').href = address({ ...chosen, lang: lang === 'zh' ? 'en' : 'zh' });
  $('chosen').replaceChildren(h('b', {}, platform.title), ' ', scene.line);
  const focus = document.activeElement?.closest?.('#choices') ? document.activeElement : null;
  const again = focus && (focus.id || focus.getAttribute('href'));
  chooser.draw(catalogue, chosen, { cell: loader.cell(), note: loader.note(catalogue.service.own ? say('folder.built-in', { app: scene.app }) : '') });
  if (again) (document.getElementById(again) || document.querySelector(`#choices a[href="${CSS.escape(again)}"]`) || document.querySelector('#choices [aria-current]'))?.focus({ preventScroll: true });
  if (!wide.matches && focus?.matches('.scenes a')) { $('chooser').open = false; }
  play(platform, scene);
}

const first = () => catalogue.platforms.find((each) => each.name === 'wechat') || catalogue.platforms[0];

/** A folder was loaded, or taken away: its platform is the one that is played. */
function loaded() {
  const to = loader.picked?.platform;
  choose(to && to !== chosen.platform ? { platform: to, app: '', scene: '' } : {});
}

// --- a run

function play(platform, scene) {
  turn.abort();
  turn = new AbortController();
  const mine = turn.signal;
  const own = loader.picked;
  view = { platform: platform.title, tapped: false, deciding: false, logsIn: false, again: () => play(platform, scene) };
  $('drawing').textContent = say(own || platform.name in SHOPS ? 'phone.drawing' : 'phone.drawing-all', { platform: platform.title });
  document.querySelector('.peek')?.remove();
  guard(async () => {
    const { run } = await api.begin({ platform: platform.name, app: chosen.app || scene.app, user: chosen.user, scene: scene.name, own: Boolean(own) });
    if (mine.aborted) return;
    const show = async () => {
      const told = await api.timeline(run);
      if (!mine.aborted) peek(timeline.draw(told, view));
    };
    const shown = screen($('screen'), { platform: platform.name, capsule: platform.kind !== 'page', name: own ? own.name : say('shop.name') });
    tick();
    await show();
    const acts = actions(platform, scene, run, show, mine);
    if (own) await loader.open(shown, acts, mine);
    else if (platform.name in SHOPS) await mini(shown, platform, scene, acts, mine);
    else {
      drawn(shown.place, {
        login: () => guard(acts.login),
        ask: () => guard(async () => {
          const allow = await acts.sheet();
          return allow === null ? null : acts.tap({ allow });
        }),
        send: (body) => guard(async () => {
          const headers = { 'content-type': 'application/json', 'accept-language': lang, authorization: `Bearer ${catalogue.service.key}` };
          const answer = await acts.send({ method: 'POST', path: `/v1/apps/${scene.app}/phone-number`, headers, body: JSON.stringify(body) });
          return { status: answer.status, body: parsed(answer.body) };
        }),
      });
    }
  });
}

/** What a phone can do, played by the simulator. The timeline is drawn anew after each. */
function actions(platform, scene, run, show, signal) {
  return {
    async login() {
      const given = await api.login(run);
      if (!view.tapped && given.code) {
        view.logsIn = true;
        await show();
      }
      return given;
    },
    async sheet() {
      view.deciding = true;
      await show();
      const user = platform.users.find((each) => each.id === chosen.user);
      const allow = await ask($('screen'), { platform: platform.name, title: platform.title, number: masked(user.label), shop: say('shop.name'), signal });
      view.deciding = false;
      view.tapped = view.tapped || allow !== null;
      if (!signal.aborted) timeline.again(view);
      return allow;
    },
    async tap(answer) {
      const given = await api.tap(run, answer.allow);
      await show();
      return given;
    },
    async send(request) {
      const sent = api.send(run, addressed(request, scene));
      await watch(sent, show, signal);
      const answer = await sent;
      await show();
      if (!answer.status) throw new Error(answer.error || 'no answer');
      return { status: answer.status, headers: answer.headers, body: answer.body };
    },
  };
}

/**
 * The request as the service in question knows it: a server of the developer's may have another path, and the built-in
 * service has neither the apps nor the keys of a developer's mini program.
 */
function addressed(request, scene) {
  const { own, path, key } = catalogue.service;
  if (!/^\/v1\/apps\/[^/]+\/phone-number$/.test(request.path)) return request;
  const to = { ...request, path: path.includes('{app}') && !own ? request.path : path.replace('{app}', scene.app) };
  return own ? { ...to, headers: { ...to.headers, authorization: `Bearer ${key}` } } : to;
}

/** The mini programs with the component of haoma, compiled by frontend/shop/build.mjs. */
const SHOPS = { wechat: () => import('./shop-wechat.js'), alipay: () => import('./shop-alipay.js') };

async function mini(shown, platform, scene, acts, signal) {
  const [{ mount }, { default: folder }] = await Promise.all([import('./host/host.js'), SHOPS[platform.name]()]);
  if (signal.aborted) return;
  const config = {
    words: words(), lang, app: scene.app, server: location.origin, key: catalogue.service.key, timeout: 60_000,
    realtime: scene.name === 'realtime',
  };
  const mounted = mount(shown.place, { folder, config, sheet: acts.sheet, api: acts, onError: (error) => guard(() => { throw error; }) });
  signal.addEventListener('abort', () => mounted.destroy());
}

async function watch(until, show, signal) {
  let open = true;
  until.then(() => { open = false; }, () => { open = false; });
  while (open && !signal.aborted) {
    await new Promise((resolve) => { setTimeout(resolve, 250); });
    if (open) await show().catch(() => {});
  }
}

const masked = (label) => label.match(/[\d+][\d ]*\*+\d+/)?.[0] || '';
const parsed = (body) => { try { return typeof body === 'string' ? JSON.parse(body) : body; } catch { return {}; } };

/** On a narrow page: the verdict at the bottom, which leads to the explanation. */
function peek({ verdict, masked, text }) {
  document.querySelector('.peek')?.remove();
  if (!verdict) return;
  $('main').append(h('a', { class: 'peek', href: verdict === 'ok' ? '#out' : '#means' }, badge(verdict), h('span', {}, masked ? number(masked) : text), icon('down'), h('span', { class: 'sr' }, say(verdict === 'ok' ? 'watch.see-how' : 'watch.see-remedy'))));
}

// --- faults of the page itself

async function guard(act) {
  try {
    return await act();
  } catch (fault) {
    if (!(fault instanceof api.Fault)) throw fault;
    const away = fault.status === 0;
    $('out').replaceChildren(h('header', {}, h('h1', {}, away ? say('fault.offline') : say('fault.refused', { why: fault.message }))),
      h('div', { class: 'todo unk', role: 'alert' }, away ? h('p', {}, say('fault.offline-hint')) : null,
        h('div', { class: 'row foot' }, h('button', { class: 'btn', type: 'button', onclick: begin }, say('fault.retry')))));
    return undefined;
  }
}

function begin() {
  return guard(async () => {
    catalogue = await api.catalogue();
    set(catalogue.clock);
    tick();
    choose({});
  });
}
begin();
