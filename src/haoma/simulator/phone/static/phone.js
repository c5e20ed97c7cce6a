// The phone's screen: a shop that needs a number for an order.
import { h, icon, number, picture, say } from './dom.js';

/** Draws the screen of the shop; `card` is where the button stands. */
export function shop(screen, { platform, time }) {
  const card = h('div', { class: 'contact' });
  const pay = h('button', { type: 'button', class: 'pay', disabled: true }, say('shop.order'));
  screen.className = `screen ${platform}`;
  screen.replaceChildren(
    bar(time), title(say('shop.name')),
    h('div', { class: 'mini' },
      h('div', { class: 'card' }, h('div', { class: 'goods' }, h('span', { class: 'pic' }, picture()), h('b', {}, say('shop.goods')), h('b', { class: 'num' }, say('shop.price')), h('small', {}, say('shop.pack')))),
      h('div', { class: 'card' }, h('div', { class: 'kv' }, h('b', {}, say('shop.contact'))), card),
      h('div', { class: 'card' }, pair(say('shop.delivery'), say('shop.today')), pair(say('shop.total'), h('b', { class: 'num' }, say('shop.price'))))),
    h('div', { class: 'foot-bar' }, h('b', { class: 'num' }, say('shop.price')), pay),
    h('div', { class: 'home', 'aria-hidden': 'true' }));
  return { card, paid: (ready) => { pay.disabled = !ready; } };
}

/** Draws the screen around a mini program that brings its own page; returns where it goes. */
export function frame(screen, { platform, time, name }) {
  const place = h('div', { class: 'own' });
  screen.className = `screen ${platform}`;
  screen.replaceChildren(bar(time), title(name), place, h('div', { class: 'home', 'aria-hidden': 'true' }));
  return place;
}

function bar(time) {
  return h('div', { class: 'status', 'aria-hidden': 'true' }, h('span', { class: 'phone-time' }, time), h('span', { class: 'bars' }, h('b'), h('b'), h('b'), h('b')));
}

function title(name) {
  return h('div', { class: 'appbar' }, h('span', {}, name), h('span', { class: 'capsule', 'aria-hidden': 'true' }, h('i', {}, h('b')), h('b')));
}

function pair(name, value) {
  return h('div', { class: 'kv' }, h('span', {}, name), h('span', {}, value));
}

/**
 * The button as it stands in the shop, with what it says to the user.
 *
 * @param card Where it stands.
 * @param shop `{paid}`.
 * @param acts `{login, tap, send}` of the run; `send` resolves to `{status, body}`.
 */
export function drawn(card, { paid }, { login, tap, send }) {
  let code = '', busy = false;
  const button = h('button', { type: 'button', class: 'tap', disabled: true }, say('shop.login'));
  const told = h('div', { class: 'told', role: 'status', hidden: true });
  const hand = byHand(paid);
  card.replaceChildren(h('small', {}, say('shop.consent')), told, button, hand);
  const settle = () => { busy = false; button.removeAttribute('aria-busy'); button.disabled = false; };
  const renew = async () => { ({ code } = await login()); };
  button.addEventListener('click', async () => {
    if (busy) return;
    busy = true;
    try {
      const given = await tap();
      if (!given) return;
      if (given.failed) {
        told.textContent = say('shop.failed');
        told.hidden = hand.hidden = false;
        return;
      }
      button.setAttribute('aria-busy', 'true');
      button.replaceChildren(say('shop.asking'), h('span', { class: 'dots', 'aria-hidden': 'true' }, h('b'), h('b'), h('b')));
      const { status, body } = await send({ ...(code ? { login_code: code } : {}), authorization: given.event });
      if (status === 200) {
        card.replaceChildren(h('small', {}, say('shop.consent')), h('div', { class: 'got', role: 'status' }, h('span', { class: 'row' }, icon('ok'), say('outcome.ok')), number(body.masked || '')));
        paid(true);
        return;
      }
      told.textContent = body.title || String(status);
      told.hidden = false;
      hand.hidden = false;
      await renew();
    } finally {
      settle();
      button.replaceChildren(say(told.hidden ? 'shop.button' : 'shop.again'));
    }
  });
  renew().then(() => { button.disabled = false; button.replaceChildren(say('shop.button')); }, () => {});
}

/** The way without the platform: type the number. */
export function byHand(paid) {
  const input = h('input', { type: 'tel', inputmode: 'tel', autocomplete: 'tel', maxlength: '16', 'aria-label': say('shop.number'), placeholder: say('shop.number') });
  const form = h('form', { class: 'hand', hidden: true, onsubmit: (event) => {
    event.preventDefault();
    if (!input.value.trim()) return;
    all.replaceChildren(h('div', { class: 'told', role: 'status' }, say('shop.typed')));
    paid(true);
  } }, input, h('button', { type: 'submit' }, say('shop.use')));
  const open = h('button', { type: 'button', class: 'by-hand', onclick: () => { form.hidden = false; open.hidden = true; input.focus(); } }, say('shop.by-hand'));
  const all = h('div', { class: 'by-hand-box', hidden: true }, open, form);
  return all;
}
