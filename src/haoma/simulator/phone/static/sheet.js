// The consent sheets. Each platform puts the same parts in its own order and words; they are drawings.
import { h, icon, number, say } from './dom.js';

const PLAIN = { title: 'sheet.authorize', who: 'sheet.asks-number', allow: 'sheet.allow', deny: 'sheet.deny' };
const LOOKS = {
  wechat: { title: 'sheet.get-and-verify', who: 'sheet.asks', allow: 'sheet.allow', deny: 'sheet.deny', reason: true, other: true },
  alipay: { title: 'sheet.authorize', who: 'sheet.asks-number', allow: 'sheet.agree', deny: 'sheet.deny', cross: true, terms: true },
  baidu: { title: 'sheet.get', who: 'sheet.asks', allow: 'sheet.allow', deny: 'sheet.deny' },
  douyin: { title: 'sheet.get', who: 'sheet.asks', allow: 'sheet.allow', deny: 'sheet.deny', reason: true },
  kuaishou: { title: 'sheet.get', who: 'sheet.asks', allow: 'sheet.allow', deny: 'sheet.deny', other: true },
  xiaohongshu: { title: 'sheet.get', who: 'sheet.asks', allow: 'sheet.allow', deny: 'sheet.deny' },
  huawei: { title: 'sheet.account', who: 'sheet.asks-number', allow: 'sheet.allow', deny: 'sheet.cancel', terms: true },
  dingtalk: { title: 'sheet.get', who: 'sheet.asks', allow: 'sheet.agree', deny: 'sheet.deny', reason: true },
};

/**
 * Shows the sheet over a screen. Resolves to true (allowed), false (denied), or null if it was taken away.
 *
 * @param screen The phone's screen.
 * @param asked `{platform, title, number, shop, signal}`.
 */
export function ask(screen, { platform, title, number: masked, shop, signal }) {
  const look = LOOKS[platform] || PLAIN;
  let before = document.activeElement;
  while (before?.shadowRoot?.activeElement) before = before.shadowRoot.activeElement;
  return new Promise((resolve) => {
    const end = (answer) => {
      veil.remove();
      for (const each of screen.children) each.inert = false;
      before?.isConnected && before.focus({ preventScroll: true });
      resolve(answer);
    };
    const keys = (event) => {
      if (event.key === 'Escape') { event.stopPropagation(); end(false); }
      if (event.key !== 'Tab') return;
      const all = [...veil.querySelectorAll('button')];
      const [first, last] = [all[0], all.at(-1)];
      if (event.shiftKey && (document.activeElement === first || document.activeElement === sheet)) { event.preventDefault(); last.focus(); }
      else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
    };
    const heading = h('h2', { id: 'sheet-title' }, say(look.title, { platform: title }));
    const cross = look.cross ? h('button', { type: 'button', class: 'x', 'aria-label': say('sheet.close'), onclick: () => end(false) }, icon('no')) : null;
    const who = h('p', { class: 'who' }, h('span', { class: 'avatar', 'aria-hidden': 'true' }, say('shop.letter')), h('span', {}, say(look.who, { shop })));
    const sheet = h('div', { class: `sheet ${platform}`, role: 'dialog', 'aria-modal': 'true', 'aria-labelledby': 'sheet-title', tabindex: '-1', onkeydown: keys },
      cross ? [h('div', { class: 'who' }, heading, cross), who] : [who, heading],
      look.reason ? h('p', {}, say('shop.consent')) : null,
      h('div', { class: 'ask' }, h('span', {}, h('span', { class: masked ? '' : 'num' }, masked ? number(masked) : say('sheet.unknown-number')), h('small', {}, say('sheet.bound', { platform: title }))), icon('ok')),
      look.other ? h('p', { class: 'other' }, say('sheet.other')) : null,
      look.terms && platform === 'huawei' ? terms() : null,
      h('div', { class: 'acts' },
        h('button', { type: 'button', class: 'act deny', onclick: () => end(false) }, say(look.deny)),
        h('button', { type: 'button', class: 'act allow', onclick: () => end(true) }, say(look.allow))),
      look.terms && platform !== 'huawei' ? terms() : null);
    const veil = h('div', { class: `veil ${platform}` }, sheet);
    for (const each of screen.children) each.inert = true;
    screen.append(veil);
    sheet.focus({ preventScroll: true });
    signal?.addEventListener('abort', () => veil.isConnected && end(null));
  });
}

function terms() {
  return h('p', { class: 'agree' }, say('sheet.terms'), ' ', h('span', {}, say('sheet.terms-name')));
}
