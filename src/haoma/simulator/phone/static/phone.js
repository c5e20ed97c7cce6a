// The phone's screen. For platforms that have a component, a real mini program runs on it; for the others, the shop is
// drawn here with the same classes.
import { h, say } from './dom.js';

/** Draws the screen; returns the place of the mini program. `capsule` is that of mini programs. */
export function screen(root, { platform, capsule, name }) {
  const place = h('div', { class: 'own' });
  const title = h('span', {}, name);
  root.className = `screen ${platform}`;
  root.replaceChildren(
    h('div', { class: 'status', 'aria-hidden': 'true' }, h('span', { class: 'phone-time' }), h('span', { class: 'bars' }, h('b'), h('b'), h('b'), h('b'))),
    h('div', { class: 'appbar' }, title, capsule ? h('span', { class: 'capsule', 'aria-hidden': 'true' }, h('i', {}, h('b')), h('b')) : null),
    place, h('div', { class: 'home', 'aria-hidden': 'true' }));
  return { place, title: (text) => { title.textContent = text || name; } };
}

/** What the shop says: for the drawn one and for the mini programs. */
export function words() {
  return {
    goods: say('shop.goods'), price: say('shop.price'), pack: say('shop.pack'), contact: say('shop.contact'), consent: say('shop.consent'),
    verified: say('outcome.ok'), hidden: say('shop.hidden'), button: say('shop.button'), typed: say('shop.typed'), hand: say('shop.number'), use: say('shop.use'), byHand: say('shop.by-hand'),
    delivery: say('shop.delivery'), today: say('shop.today'), total: say('shop.total'), order: say('shop.order'),
  };
}

/**
 * Draws the shop with a button of its own.
 *
 * @param place Where it is drawn.
 * @param acts `{login, ask, send}`: `ask` shows the sheet and resolves to what the platform hands over, or to null;
 *   `send` takes the body and resolves to `{status, body}`.
 */
export function drawn(place, { login, ask, send }) {
  const said = words();
  const div = (name, ...children) => h('div', { class: name }, ...children);
  const button = h('button', { type: 'button', class: 'haoma-phone-button', disabled: true }, say('shop.login'));
  const told = h('div', { class: 'haoma-phone-text', role: 'alert', hidden: true });
  const pay = h('button', { type: 'button', class: 'pay', disabled: true }, said.order);
  const consent = () => div('haoma-phone-consent', said.consent);
  const end = (shown) => { contact.replaceChildren(div('name', said.contact), div('small', said.consent), shown); pay.disabled = false; };
  const hand = byHand(said, () => end(h('div', { class: 'told', role: 'status' }, said.typed)));
  const contact = div('card contact', div('name', said.contact), div('haoma-phone', consent(), button, told, hand));
  place.replaceChildren(
    div('mini',
      div('card goods', div('pic', div('sun'), div('far'), div('near')), div('name', said.goods), div('price', said.price), div('small', said.pack)),
      contact,
      div('card', div('kv', h('span', { class: 'small' }, said.delivery), h('span', {}, said.today)), div('kv', h('span', { class: 'small' }, said.total), h('span', { class: 'price' }, said.price)))),
    div('foot-bar', h('span', { class: 'price' }, said.price), pay));

  let code = '';
  const show = (label, busy) => {
    button.textContent = label;
    button.disabled = busy;
    button.setAttribute('aria-busy', String(busy));
  };
  const refuse = (text) => { told.textContent = text; told.hidden = hand.hidden = false; };
  const renew = async () => {
    show(say('shop.login'), true);
    const given = await login();
    if (!given) return;
    ({ code } = given);
    show(say(told.hidden ? 'shop.button' : 'shop.again'), false);
  };
  button.addEventListener('click', async () => {
    const given = await ask();
    if (!given) return;
    if (given.failed) { refuse(say('shop.failed')); return; }
    show(say('shop.asking'), true);
    const answer = await send({ ...(code ? { login_code: code } : {}), authorization: given.event });
    if (!answer) return;
    if (answer.status === 200) {
      end(h('div', { class: 'got', role: 'status' }, h('span', { class: 'verified' }, said.verified), number(String(answer.body.masked), said)));
      return;
    }
    refuse(answer.body.title || say('shop.failed'));
    await renew();
  });
  renew();
}

function number(masked, said) {
  const [head, dots, tail] = masked.split(/(\*+)/);
  return h('div', { class: 'number' }, h('span', {}, head), h('span', { class: 'dots', role: 'img', 'aria-label': said.hidden }, Array.from(dots || '', () => h('span', { class: 'dot' }))), h('span', {}, tail));
}

function byHand(said, used) {
  const input = h('input', { class: 'field', type: 'tel', inputmode: 'numeric', maxlength: '16', 'aria-label': said.hand, placeholder: said.hand });
  const use = () => { if (input.value.trim()) used(); };
  const open = h('button', { type: 'button', class: 'by-hand', onclick: () => { box.replaceChildren(h('div', { class: 'hand' }, input, h('button', { type: 'button', class: 'use', onclick: use }, said.use))); input.focus(); } }, said.byHand);
  input.addEventListener('keydown', (event) => { if (event.key === 'Enter') use(); });
  const box = h('div', { class: 'fallback', hidden: true }, open);
  return box;
}
