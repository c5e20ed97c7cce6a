// The page: what is chosen, the run that is played on the phone, and what happens beside it.
import * as api from './api.js';
import { Chooser, address } from './chooser.js';
import { badge, fill, h, icon, lang, number, say, toast } from './dom.js';
import { drawn, shop } from './phone.js';
import { ask } from './sheet.js';
import { Timeline } from './timeline.js';

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const chosen = { platform: query.get('platform') || '', app: query.get('app') || '', user: query.get('user') || '', scene: query.get('scene') || '' };
const chooser = new Chooser($('choices'), choose);
const timeline = new Timeline($('out'));
let catalogue, offset = 0, turn = new AbortController(), view, run;

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
  const platform = catalogue.platforms.find((each) => each.name === chosen.platform) || first();
  const named = platform.scenes.find((each) => each.name === chosen.scene);
  const scene = named || platform.scenes[0];
  if (chosen.scene && !named) toast(say('fault.no-scene'), 'fix');
  if (chosen.app && scene.app !== chosen.app) chosen.app = '';
  if (!platform.users.some((each) => each.id === chosen.user)) chosen.user = '';
  Object.assign(chosen, { platform: platform.name, scene: scene.name });
  history.replaceState(null, '', address(chosen));
  $('other-language').textContent = lang === 'zh' ? 'EN' : '中文';
  $('other-language').lang = lang === 'zh' ? 'en' : 'zh-CN';
  $('other-language').href = address({ ...chosen, lang: lang === 'zh' ? 'en' : 'zh' });
  $('chosen').textContent = `${platform.title} · ${scene.line}`;
  const focus = document.activeElement?.closest?.('#choices') ? document.activeElement : null;
  const again = focus && (focus.id || focus.getAttribute('href'));
  chooser.draw(catalogue, chosen, []);
  if (again) (document.getElementById(again) || document.querySelector(`#choices a[href="${CSS.escape(again)}"]`) || document.querySelector('#choices [aria-current]'))?.focus({ preventScroll: true });
  if (!wide.matches && focus?.matches('.scenes a')) { $('chooser').open = false; }
  play(platform, scene);
}

const first = () => catalogue.platforms.find((each) => each.name === 'wechat') || catalogue.platforms[0];

// --- a run

function play(platform, scene) {
  turn.abort();
  turn = new AbortController();
  const mine = turn.signal;
  const { key, path } = catalogue.service;
  view = { platform: platform.title, title: scene.line, tapped: false, deciding: false, ready: false, logsIn: false, again: () => play(platform, scene) };
  $('drawing').textContent = say('phone.drawing', { platform: platform.title });
  document.querySelector('.peek')?.remove();
  guard(async () => {
    const begun = (await api.begin({ platform: platform.name, app: chosen.app || scene.app, user: chosen.user, scene: scene.name })).run;
    if (mine.aborted) return;
    run = begun;
    const show = async () => {
      const told = await api.timeline(begun);
      if (!mine.aborted) peek(timeline.draw(told, view));
      return told;
    };
    const place = shop($('screen'), { platform: platform.name, time: '' });
    tick();
    await show();
    drawn(place.card, place, {
      login: async () => {
        const given = await api.login(begun);
        if (!mine.aborted && !view.tapped) { Object.assign(view, { ready: true, logsIn: Boolean(given.code) }); await show(); }
        return given;
      },
      tap: () => guard(async () => {
        view.deciding = true;
        await show();
        const user = platform.users.find((each) => each.id === chosen.user);
        const allow = await ask($('screen'), { platform: platform.name, title: platform.title, number: user?.number, shop: say('shop.name'), signal: mine });
        view.deciding = false;
        if (allow === null) return null;
        view.tapped = true;
        const { event, failed } = await api.tap(begun, allow);
        await show();
        return { event, failed };
      }),
      send: (body) => guard(async () => {
        const sent = api.send(begun, { method: 'POST', path: path.replace('{app}', scene.app), headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) }, body: JSON.stringify(body) });
        const watching = watch(sent, show, mine);
        const answer = await sent;
        await watching;
        await show();
        return { status: answer.status, body: parsed(answer.body) };
      }),
    });
  });
}

async function watch(until, show, signal) {
  let open = true;
  until.then(() => { open = false; }, () => { open = false; });
  while (open && !signal.aborted) {
    await new Promise((resolve) => { setTimeout(resolve, 250); });
    if (open) await show().catch(() => {});
  }
}

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
