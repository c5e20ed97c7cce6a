import { ALIPAY, assign, call, find, GET_PHONE_NUMBER, logIn, openType, parse, send, stringify, supports } from './hosts.js'
import { authorization, declined, detailOf, ofAlipay, outcome, PLATFORM, type Refusal, refusal, RETRY_LATER, STOP } from './outcome.js'
import type { Body, Button, Failure, Options, Outcome, State } from './types.js'
import { WORDS } from './words.js'

/** Milliseconds after which a login code is renewed, and those for which a request may be sent again. */
const FRESH = 240e3
/** A login code or a phone code of WeChat and Douyin lives five minutes, those of others at least as long. */
const DEAD = 290e3

/*
 * The login of the mini program. All buttons share it, on whatever page they are: a platform may end a session when
 * another login is taken, and what was sealed under that session could not be opened.
 */
let owner: unknown // whose login it is
let code: string | undefined
let taken = 0 // when
let asking: Promise<void> | undefined
let offline: boolean // why there is none
let using = 0 // how many buttons are between an event and its outcome
const buttons = new Set<() => void>()

/** Gives the code of the login away: it works once, whatever the answer. */
export const take = (): string | undefined => {
  const found = code
  code = undefined
  return found
}

const tell = () => buttons.forEach((show) => show())

/** Gives it to something else than a button. The buttons wait until they have another. */
export const giveAway = (): string | undefined => {
  const found = take()
  tell()
  return found
}

/** A name of its own is shorter in a minified file. */
const now = () => Date.now()

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

  if (owner !== host) {
    owner = host
    code = asking = undefined
    using = 0
    buttons.clear()
  }

  let timer: any
  let busy = false
  let last: Promise<Outcome> // what comes of the last event
  let done: any // when that succeeded
  let pending: Body | null // a request that was sent and may be sent again
  let from = 0 // when its authorization came
  let wait = 0 // when it may be sent again
  let failure: Failure | false

  const look = (): State => {
    const supported = !!supports(platform, host, options)
    const alive = !!code && now() - taken < DEAD
    const lost = offline && !alive
    const again = !busy && !!(pending || lost)
    const shown: any =
      (!supported && refusal('unsupported', STOP)) || failure || (lost && refusal('network', RETRY_LATER)) || {}
    return {
      supported,
      ready: supported && !busy && (again ? now() >= wait : alive && !using),
      busy,
      again,
      openType: supported && !again ? openType(platform, host, options) : '',
      scope: alipay ? 'phoneNumber' : '',
      fallback: !!shown.fallback,
      label: word(options, busy ? 'busy' : again ? 'again' : 'label'),
      text: busy || !shown.reason ? '' : shown.text || word(options, shown.reason),
      reason: shown.reason || '',
    }
  }

  const show = () => {
    const state = look()
    if (stringify(state) !== stringify(button.state)) {
      button.state = state
      if (options.onState) options.onState(state)
    }
  }

  /** Takes a login if there is none that is fresh; never between an event and its outcome. */
  const login = () => {
    const at = now()
    if (!busy && at - from > FRESH) pending = null
    if (timer && !asking && !using && !pending && button.state.supported && !(code && at - taken < FRESH)) {
      asking = logIn(platform, host, patience())
        .catch(() => '')
        .then((found) => {
          if (found) {
            code = found
            taken = at
          }
          offline = !found
          asking = undefined
          tell()
        })
    }
    show()
    return Promise.resolve(asking)
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
    return parse(stringify({ login_code: take(), authorization, consent })) // without what is undefined
  }

  /** Sends a body until there is an answer, or the next try is up to the user. */
  const post = (body: Body, tries: number): Promise<Outcome | Refusal> => {
    pending = body
    return Promise.resolve(body)
      .then(options.post || (() => send(alipay, host, options, 'phone-number', body, patience())))
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

  /** Does one thing at a time: an act gives an authorization, a body that was sent before, or a refusal. */
  const run = (act: () => any): Promise<Outcome> => {
    if (!busy) {
      busy = true
      using++
      last = Promise.resolve()
        .then(act)
        .then((found) => (found.reason ? found : post(found.authorization ? found : bodyOf(found), 1)))
        .then((found) => {
          failure = !found.ok && found
          if (failure) failure.text = failure.text || word(options, failure.reason)
          busy = false
          using--
          done = found.ok && now()
          wait = now() + (found.retryAfter || 0) * 1e3
          if (!found.retry) pending = null
          login()
          tell()
          const hear = found.ok ? options.onSuccess : options.onFail
          if (hear) hear(found)
          return found
        })
      tell()
    }
    return last
  }

  const button = {
    platform,

    set(changed: Options) {
      options = assign({}, options, changed)
      show()
    },

    start() {
      button.stop()
      // Programs sleep in the background: the time is looked at, a moment is not waited for.
      timer = setInterval(login, 5e3)
      buttons.add(show)
      return login()
    },

    stop() {
      timer = clearInterval(timer)
      buttons.delete(show)
    },

    shown: login,

    // A double tap gives two events, at once or one after the other.
    received: (event: any) =>
      now() - done < 1e3
        ? last
        : run(() => {
            from = now()
            return read(detailOf(event))
          }),

    declined: (event: any) => run(() => declined(event)),

    again: () => (busy || pending ? run(() => pending) : button.start()),

    ask: () => call(host, GET_PHONE_NUMBER, { isRealtime: options.realtime }, DEAD).then(button.received, button.declined),
  } as unknown as Button & { state: State }
  button.state = look()
  return button
} as unknown as new (options: Options) => Button
