import { ALIPAY, call, find, GET_PHONE_NUMBER, logIn, openType, send, supports } from './hosts.js'
import { authorization, declined, detailOf, ofAlipay, outcome, PLATFORM, type Refusal, refusal, RETRY_LATER, STOP } from './outcome.js'
import type { Body, Button, Failure, Options, Outcome, State } from './types.js'
import { WORDS } from './words.js'

/** Milliseconds after which a login code is renewed, and those for which a request may be sent again. */
const FRESH = 240e3
/** A login code or a phone code of WeChat and Douyin lives five minutes, those of others at least as long. */
const DEAD = 290e3

/** The word of a key in the language of the options; a key without a word of its own has that of `platform`. */
const word = (options: Options, key: string): string =>
  ((WORDS as Record<string, string[]>)[key] || WORDS[PLATFORM])[options.lang === 'en' ? 1 : 0]

/**
 * One button. It knows nothing of the screen: a component shows its `state` and passes on the platform's events.
 *
 * A function with variables and not a class with fields, because names of variables are short in a minified file.
 */
export const PhoneButton = function (options: Options): Button {
  const [platform, host] = find(options.platform)
  const alipay = platform === ALIPAY
  const patience = () => options.timeout || 10e3

  let code: string | undefined // of the login
  let taken = 0 // when it was taken
  let loggingIn: Promise<void> | undefined
  let offline: Failure | false // why there is no login
  let timer: any
  let busy = false
  let last: Promise<Outcome> // what comes of the last event
  let done = 0 // when that succeeded
  let pending: Body | null // a request that was sent and may be sent again
  let from = 0 // when its authorization came
  let wait = 0 // when it may be sent again
  let failure: Failure | false

  const worded = (found: any): any => {
    if (!found.ok) found.text = found.text || word(options, found.reason)
    return found
  }

  const look = (): State => {
    const supported = !!supports(platform, host, options)
    const alive = !!code && Date.now() - taken < DEAD
    const again = !busy && !!(pending || (offline && !alive))
    const shown: Partial<Failure> = supported
      ? failure || (!alive && offline) || {}
      : worded(refusal('unsupported', STOP))
    return {
      supported,
      ready: supported && !busy && (again ? Date.now() >= wait : alive),
      busy,
      again,
      openType: supported && !again ? openType(platform, host, options) : '',
      scope: alipay ? 'phoneNumber' : '',
      fallback: !!shown.fallback,
      label: word(options, busy ? 'busy' : again ? 'again' : 'label'),
      text: (!busy && shown.text) || '',
      reason: shown.reason || '',
    }
  }

  const show = () => {
    const state = look()
    if (JSON.stringify(state) !== JSON.stringify(button.state)) {
      button.state = state
      if (options.onState) options.onState(state)
    }
  }

  const spent = () => {
    if (pending!.login_code === code) code = ''
    pending = null
  }

  /** Takes a login if there is none that is fresh; never between an event and the end of its request. */
  const login = () => {
    const now = Date.now()
    if (pending && !busy && now - from > FRESH) spent()
    if (!loggingIn && timer && !busy && !pending && button.state.supported && !(code && now - taken < FRESH)) {
      loggingIn = logIn(platform, host, patience())
        .catch(() => '')
        .then((found) => {
          if (found) {
            code = found
            taken = now
          }
          offline = !found && worded(refusal('network', RETRY_LATER))
          loggingIn = undefined
          show()
        })
    }
    show()
    return Promise.resolve(loggingIn)
  }

  /** The authorization of an event, or a refusal. */
  const read = (detail: any): any => {
    if (!alipay) return authorization(platform, options, detail)
    if (detail.trim || detail.response) return ofAlipay(detail.response || detail)
    const args = options.isvAppId ? { protocols: { isvAppId: options.isvAppId } } : {}
    return call(host, GET_PHONE_NUMBER, args, patience()).then((found) => ofAlipay(found.response), declined)
  }

  const bodyOf = (authorization: object): Body => {
    const { policy, scene } = options
    const consent = policy || scene ? { policy, scene } : undefined
    return JSON.parse(JSON.stringify({ login_code: code, authorization, consent })) // without what is undefined
  }

  /** Sends a body until there is an answer, or the next try is up to the user. */
  const post = (body: Body, tries: number): Promise<Outcome | Refusal> => {
    pending = body
    return Promise.resolve(body)
      .then(options.post || (() => send(alipay, host, options, body, patience())))
      .then((answer) => outcome(platform, answer))
      .catch((error) => refusal('network', RETRY_LATER, { message: declined(error).message }))
      .then((found) => {
        const pause = (found as Refusal).retryAfter || tries
        // After three tries, or before a wait of more than five seconds, the user decides.
        if (found.ok || !found.retry || tries > 2 || pause > 5) return found
        // The same body is the same request for the server: a code is not used twice.
        return new Promise((ready) => setTimeout(ready, pause * 1e3)).then(() => post(body, tries + 1))
      })
  }

  const end = (found: Outcome): any => {
    failure = !found.ok && found
    busy = false
    done = found.ok ? Date.now() : 0
    wait = Date.now() + ((failure && failure.retryAfter) || 0) * 1e3
    // An answer uses up the login; a request that may be sent again needs it once more.
    if (pending && !(failure && failure.retry)) spent()
    login()
    const tell: any = failure ? options.onFail : options.onSuccess
    if (tell) tell(found)
    return found
  }

  /** Does one thing at a time. */
  const run = (act: () => any): Promise<Outcome> => {
    if (!busy) {
      busy = true
      last = Promise.resolve()
        .then(act)
        .then((found) => (found.reason ? found : post(found.authorization ? found : bodyOf(found), 1)))
        .then(worded)
        .then(end)
      show()
    }
    return last
  }

  const button = {
    platform,

    set(changed: Options) {
      options = Object.assign({}, options, changed)
      show()
    },

    start() {
      button.stop()
      // Programs sleep in the background: the time is looked at, a moment is not waited for.
      timer = setInterval(login, 5e3)
      return login()
    },

    stop() {
      clearInterval(timer)
      timer = 0
    },

    shown: login,

    // A double tap gives two events, at once or one after the other.
    received: (event: any) =>
      Date.now() - done < 1e3
        ? last
        : run(() => {
            from = Date.now()
            return read(detailOf(event))
          }),

    declined(event: any) {
      const found = worded(declined(event))
      return busy ? found : end(found)
    },

    again: () => (busy || pending ? run(() => pending) : button.start()),

    ask: () => call(host, GET_PHONE_NUMBER, { isRealtime: options.realtime }, DEAD).then(button.received, button.declined),
  } as unknown as Button & { state: State }
  button.state = look()
  return button
} as unknown as new (options: Options) => Button
