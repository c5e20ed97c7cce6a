/** The built-in tags, as elements of HTML. Tags without an entry keep their names: `view`, `text`, `page`. */

const ELEMENTS: Record<string, string> = {
  image: 'img',
  input: 'input',
  textarea: 'textarea',
  label: 'label',
  checkbox: 'input',
  radio: 'input',
  switch: 'input',
  form: 'form',
}

/** Tags whose style sheets name them, but which are other elements here. */
export const RENAMED: Record<string, string> = { image: 'img', checkbox: 'input', radio: 'input', switch: 'input' }

/** Creates the element of a tag. */
export function decorate(tag: string, assets: (path: string) => string): HTMLElement {
  const element = document.createElement(ELEMENTS[tag] ?? tag)
  const set = element.setAttribute.bind(element)
  if (tag === 'checkbox' || tag === 'radio' || tag === 'switch') set('type', tag === 'radio' ? 'radio' : 'checkbox')
  if (tag === 'switch') set('role', 'switch')
  if (tag === 'button') set('type', 'button')
  if (tag === 'image') set('alt', '') // what it shows is said with aria-label, if at all
  if (tag === 'form') element.addEventListener('submit', (event) => event.preventDefault())
  element.setAttribute = (name: string, value: string): void => {
    const own = OWN[`${tag}.${name}`] ?? OWN[`*.${name}`]
    if (FLAGS.includes(name) && !isTrue(element, name, value)) {
      element.removeAttribute(name)
      if (name === 'checked') (element as HTMLInputElement).checked = false
    } else if (own) own(element, value, set, assets)
    else set(name, value)
  }
  return element
}

/** Attributes that are there or not. The engine writes nothing and true alike, but knows which it is. */
const FLAGS = ['disabled', 'checked', 'password', 'focus', 'hidden', 'readonly']

function isTrue(element: HTMLElement, name: string, value: string): boolean {
  const node = (element as { __wxElement?: { getAttribute(name: string): unknown } }).__wxElement
  return value !== '' ? value !== 'false' : node?.getAttribute(name) === true
}

type Put = (name: string, value: string) => void
type Own = (element: HTMLElement, value: string, set: Put, assets: (path: string) => string) => void

const checked: Own = (element) => {
  ;(element as HTMLInputElement).checked = true
}
const typed: Own = (element, value) => {
  const input = element as HTMLInputElement
  if (input.value !== value) input.value = value
}

const OWN: Record<string, Own> = {
  // A strict CSP forbids the attribute, not the property.
  '*.style': (element, value) => {
    element.style.cssText = value
  },
  '*.aria-role': (_element, value, set) => set('role', value),
  'image.src': (_element, value, set, assets) => set('src', assets(value)),
  'image.mode': (element, value, set) => {
    set('mode', value)
    element.style.objectFit = value === 'aspectFit' ? 'contain' : value === 'aspectFill' ? 'cover' : 'fill'
  },
  'input.value': typed,
  'textarea.value': typed,
  'input.type': (_element, value, set) =>
    set('inputmode', value === 'number' ? 'numeric' : value === 'digit' ? 'decimal' : 'text'),
  'input.password': (element) => {
    ;(element as HTMLInputElement).type = 'password'
  },
  'checkbox.checked': checked,
  'radio.checked': checked,
  'switch.checked': checked,
  'button.type': (_element, value, set) => set('data-type', value),
}

/** Returns what a mini program calls the value of an element. */
export function valueOf(element: HTMLElement): unknown {
  const tag = element.tagName.toLowerCase()
  if (tag === 'checkbox-group' || tag === 'radio-group') {
    const chosen = [...element.querySelectorAll<HTMLInputElement>('input:checked')].map((each) => each.value)
    return tag === 'radio-group' ? (chosen[0] ?? '') : chosen
  }
  if (element instanceof HTMLInputElement && element.type !== 'text' && element.type !== 'password') {
    return element.getAttribute('role') === 'switch' || element.type === 'checkbox' ? element.checked : element.value
  }
  return (element as HTMLInputElement).value ?? ''
}

/** Returns the values of a form by name. */
export function valuesOf(form: Element): Record<string, unknown> {
  const named = [...form.querySelectorAll<HTMLInputElement>('[name]')]
  return Object.fromEntries(named.map((each) => [each.getAttribute('name'), valueOf(each)]))
}

/** How the tags look before any style sheet of the mini program. */
export const BASE = `
:host { display: block; }
.viewport { position: relative; inline-size: 100%; block-size: 100%; min-block-size: inherit; overflow: hidden auto;
  container-type: size; font: 16px/1.4 -apple-system, "PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", sans-serif;
  color: #1f2329; --rpx: calc(100cqw / 750); }
page { display: block; min-block-size: 100%; box-sizing: border-box; }
view, form, scroll-view, cover-view, swiper, swiper-item, navigator, checkbox-group, radio-group { display: block; }
scroll-view { overflow: auto; }
text { white-space: pre-line; }
img { display: inline-block; inline-size: 320px; block-size: 240px; max-inline-size: 100%; }
input:not([type=checkbox], [type=radio]), textarea { display: block; inline-size: 100%; box-sizing: border-box;
  border: 0; padding: 0; font: inherit; color: inherit; background: none; }
button { display: block; inline-size: 100%; box-sizing: border-box; margin: 0; padding: 0 14px; border: 0;
  border-radius: 5px; font: inherit; font-size: 18px; line-height: 2.5555; text-align: center; color: #000;
  background: #f8f8f8; cursor: pointer; }
button[data-size=mini] { display: inline-block; inline-size: auto; font-size: 13px; line-height: 2.3; }
button[data-type=primary] { color: #fff; background: var(--platform); }
button[data-type=warn] { color: #fff; background: #e64340; }
button:disabled { opacity: .5; cursor: default; }
:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
.toast { position: absolute; inset: auto 10% 45%; padding: 12px 16px; border-radius: 8px; color: #fff;
  background: rgb(0 0 0 / 80%); text-align: center; z-index: 9; pointer-events: none; }
.modal { position: absolute; inset: 0; display: grid; place-items: center; background: rgb(0 0 0 / 50%); z-index: 10; }
.modal > div { inline-size: 80%; padding: 20px; border-radius: 12px; background: #fff; }
`
