/** Reads the emitted markup of a mini program into a tree, and evaluates its `{{…}}`. */

const TOKEN = /<!--[\s\S]*?-->|<(\/?)([\w-]+)((?:\s+[\w:@-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'))?)*)\s*(\/?)>|[^<]+/g
const ATTRIBUTE = /([\w:@-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'))?/g
const EMPTY = new Set(['import', 'include', 'import-sjs', 'wxs', 'input', 'image'])

/** Returns the nodes of a template: `{tag, attributes, children}` or a text. */
export function parse(text) {
  const root = { tag: '', attributes: {}, children: [] }
  const open = [root]
  let read = 0
  for (const [token, closing, tag, attributes, empty] of text.matchAll(TOKEN)) {
    read += token.length
    const parent = open[open.length - 1]
    if (token.startsWith('<!--')) continue
    if (!tag) {
      parent.children.push(token)
    } else if (closing) {
      if (parent.tag !== tag) throw new Error(`</${tag}> closes <${parent.tag}>`)
      open.pop()
    } else {
      const node = { tag, attributes: {}, children: [] }
      for (const [, name, value, other] of attributes.matchAll(ATTRIBUTE)) node.attributes[name] = value ?? other ?? true
      parent.children.push(node)
      if (!empty && !EMPTY.has(tag)) open.push(node)
    }
  }
  if (read !== text.length) throw new Error('there is markup that this reader does not know')
  if (open.length !== 1) throw new Error(`<${open[open.length - 1].tag}> is not closed`)
  return root.children
}

/** Returns the value of an attribute or text, with the data of its page or component. */
export function evaluate(text, data) {
  if (typeof text !== 'string') return text
  const whole = /^\{\{([\s\S]*)\}\}$/.exec(text)
  if (whole && !whole[1].includes('}}')) return expression(whole[1], data)
  return text.replace(/\{\{([\s\S]*?)\}\}/g, (_, inside) => String(expression(inside, data) ?? ''))
}

function expression(text, data) {
  const scope = new Proxy(data, { has: (_, name) => typeof name === 'string', get: (of, name) => of[name] })
  try {
    return new Function('scope', `with (scope) { return (${text}) }`)(scope)
  } catch (error) {
    if (error instanceof TypeError) return undefined // as in every client: a member of nothing is nothing
    throw error
  }
}
