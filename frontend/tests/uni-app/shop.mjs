/** The example's page in the fake client, with a platform that logs in and a server that answers as told. */

import path from 'node:path'

import { createHost } from './host.mjs'
import { TARGETS } from './targets.mjs'

const EXAMPLE = new URL('../../examples/uni-app/', import.meta.url).pathname

/**
 * @param name the target
 * @param answers what the server answers, one after the other; the last one stays
 * @param more `api`: what the platform has beside, or has otherwise; `folder` and `page`, if not the example's
 */
export async function open(name, answers = [{ status: 200, body: { masked: '138****2222' } }], more = {}) {
  const target = TARGETS[name]
  const { namespace } = target
  const logins = []
  const posted = []
  const asked = []
  const api = {
    [target.login]: ({ success }) => {
      const code = `login-${logins.length + 1}`
      logins.push(code)
      setTimeout(() => success(namespace === 'my' ? { authCode: code, authSuccessScopes: ['auth_base'] } : { code }), 1)
    },
    request(options) {
      posted.push({ ...options, logins: logins.length, body: JSON.parse(options.data), headers: options[target.headers] })
      const { status, body, headers = {} } = answers[Math.min(posted.length, answers.length) - 1]
      const data = options.dataType === 'text' ? JSON.stringify(body) : body
      const found = { status, statusCode: status, data, [target.headers]: headers }
      setTimeout(() => (namespace === 'my' && status >= 400 ? options.fail(found) : options.success(found)), 5)
    },
    ...(target.envelope && {
      getPhoneNumber(options) {
        asked.push(options)
        setTimeout(() => options.success({ response: target.envelope }), 1)
      },
    }),
    ...more.api,
  }
  const host = createHost(path.join(EXAMPLE, more.folder ?? 'dist/build', name), target, api)
  await host.open(more.page ?? 'pages/shop/shop')
  return Object.assign(host, {
    target, logins, posted, asked,
    button: () => host.find('button').find((each) => each.values.class === 'haoma-phone-button'),
    /** Waits until the button may be tapped. */
    ready: () => host.until(() => host.button()?.values.disabled === false),
    /** Fires what the platform fires when the user has agreed. */
    agree() { host.fire(this.button(), target.agree, target.agreed) },
    decline() { host.fire(this.button(), target.decline, target.declined) },
  })
} // prettier-ignore
