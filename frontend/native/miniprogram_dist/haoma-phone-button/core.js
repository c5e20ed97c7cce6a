/* haoma-core; SPDX-License-Identifier: Apache-2.0 */
// @ts-nocheck: what it is made of is checked
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);
var __async = (__this, __arguments, generator) => {
  return new Promise((resolve, reject) => {
    var fulfilled = (value) => {
      try {
        step(generator.next(value));
      } catch (e) {
        reject(e);
      }
    };
    var rejected = (value) => {
      try {
        step(generator.throw(value));
      } catch (e) {
        reject(e);
      }
    };
    var step = (x) => x.done ? resolve(x.value) : Promise.resolve(x.value).then(fulfilled, rejected);
    step((generator = generator.apply(__this, __arguments)).next());
  });
};

// src/kit.ts
var kit_exports = {};
__export(kit_exports, {
  PhoneButton: () => PhoneButton,
  PhoneEntry: () => PhoneEntry,
  SmsCode: () => SmsCode,
  detect: () => detect
});
module.exports = __toCommonJS(kit_exports);

// src/hosts.ts
var { assign } = Object;
var { parse, stringify } = JSON;
var ALIPAY = "alipay";
var GET_PHONE_NUMBER = "getPhoneNumber";
var WECHAT = "wechat";
var HOSTS = {
  alipay: () => my,
  baidu: () => swan,
  douyin: () => tt,
  kuaishou: () => ks,
  xiaohongshu: () => xhs,
  qq: () => qq,
  jd: () => jd,
  wechat: () => wx
};
function find(platform) {
  for (const name in HOSTS) {
    try {
      const host = HOSTS[name]();
      if (platform ? name === platform : host.login || host.getAuthCode) return [name, host];
    } catch (_) {
    }
  }
  return [platform || "h5", null];
}
var detect = () => find()[0];
var library = (host) => {
  try {
    const [a, b, c] = (host.getAppBaseInfo || host.getSystemInfoSync)().SDKVersion.split(".");
    return a * 1e6 + b * 1e3 + +c;
  } catch (_) {
  }
};
function supports(platform, host, { realtime, acceptEncryptedData }) {
  const since = { wechat: realtime ? 2024004 : 2021002, douyin: 3051e3 };
  if (!host || platform === ALIPAY) return host && host.getPhoneNumber;
  return acceptEncryptedData && !realtime || !(library(host) < since[platform]);
}
function openType(platform, host, options) {
  if (platform === ALIPAY) return "getAuthorize";
  if (platform !== WECHAT) return GET_PHONE_NUMBER;
  const type = options.realtime ? "getRealtimePhoneNumber" : GET_PHONE_NUMBER;
  return options.agreePrivacy && !(library(host) < 2033001) ? type + "|agreePrivacyAuthorization" : type;
}
var call = (host, name, args, patience) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject({ errMsg: "timeout" }), patience);
  const end = (act) => (found) => {
    clearTimeout(timer);
    act(found || {});
  };
  host[name](assign({ success: end(resolve), fail: end(reject) }, args));
});
function logIn(platform, host, patience) {
  const name = platform === ALIPAY ? "getAuthCode" : host.getLoginCode ? "getLoginCode" : "login";
  return call(host, name, { scopes: "auth_base", force: true }, patience).then((found) => found.authCode || found.code);
}
function send(alipay, host, options, route, body, timeout) {
  const headers = { "content-type": "application/json", "accept-language": options.lang || "zh" };
  if (options.publishableKey) headers.authorization = "Bearer " + options.publishableKey;
  const args = {
    url: `${options.server}/v1/apps/${options.app}/${route}`,
    method: "POST",
    data: stringify(body),
    timeout,
    headers,
    // of Alipay
    header: headers,
    // Where Alipay parses itself, a text of some proxy is lost.
    dataType: alipay ? "text" : "json"
  };
  return call(host, "request", args, timeout + 1e3).catch((error) => {
    if (error.error === 19) error.status = error.status || 500;
    if (!error.status) throw error;
    return error;
  });
}

// src/outcome.ts
var ASK_AGAIN = "ask-again";
var RETRY_LATER = "retry-later";
var STOP = "stop";
var PLATFORM = "platform";
function refusal(reason, next, more) {
  const fallback = reason !== "server" || next !== ASK_AGAIN;
  return assign({ ok: false, reason, next, retry: next === RETRY_LATER, fallback }, more);
}
function declined(event) {
  const detail = detailOf(event);
  const message = detail.errorMessage || detail.errMsg || detail.message || "";
  const errno = +(detail.errno || detail.error) || 0;
  const said = `${errno} ${message}`;
  const more = { message, errno };
  if (errno === 1400001) return refusal("quota", STOP, more);
  if (/^10[34] |not authorized/.test(said)) return refusal("privacy", ASK_AGAIN, more);
  if (/^1[01]2 |platform auth|no permission|not declared/.test(said)) return refusal(PLATFORM, STOP, more);
  return refusal(/deny|cancel|reject|取消|拒绝|不允许|^0 $/i.test(said) ? "denied" : PLATFORM, ASK_AGAIN, more);
}
var detailOf = (event) => event && event.detail || event || {};
function authorization(platform, options, detail) {
  const { code: code2, encryptedData, iv, errMsg } = detail;
  const byCode = /wechat|douyin/.test(platform);
  if (code2 && byCode) return { code: code2, encryptedData, iv };
  if (encryptedData && (!byCode || options.acceptEncryptedData)) return { encryptedData, iv };
  if (code2) return { code: code2 };
  return encryptedData || /:ok/.test(errMsg) ? refusal("unsupported", STOP, { message: errMsg }) : declined(detail);
}
function ofAlipay(response) {
  for (let inner = response; inner; inner = inner.response) {
    try {
      if (typeof inner === "string") inner = parse(inner);
    } catch (_) {
      return { response };
    }
    const { code: code2, msg, subCode = inner.sub_code, subMsg = inner.sub_msg || msg } = inner;
    if (code2 && code2 != "10000") {
      const more = { code: subCode ? code2 + "/" + subCode : code2, message: subMsg };
      if (code2 == "40003") return refusal("denied", ASK_AGAIN, more);
      return refusal(PLATFORM, code2 == "20000" ? ASK_AGAIN : STOP, more);
    }
  }
  return response ? { response } : refusal(PLATFORM, ASK_AGAIN);
}
function outcome(platform, answer) {
  const raw = answer;
  let { status = raw.statusCode, body = raw.data } = raw;
  const headers = raw.headers || raw.header;
  try {
    body = parse(body);
  } catch (_) {
  }
  if (body && body.data && body.msg) {
    if (body.code) status = body.code;
    body = body.data;
  }
  if (status < 300) return { ok: true, platform, answer: body || {} };
  const { code: code2, title, next, retry } = body || {};
  const guess = status === 429 || status > 501 && status < 505 ? RETRY_LATER : status > 499 ? ASK_AGAIN : STOP;
  const text = /\./.test(code2) ? "" : title;
  const found = refusal(code2 === "declined" ? "denied" : "server", next || guess, { code: code2, text });
  if (retry === false) found.retry = false;
  for (const name in headers) if (/^retry-after$/i.test(name)) found.retryAfter = +headers[name] || void 0;
  return found;
}

// src/words.ts
var WORDS = {
  label: ["手机号码一键登录", "Continue with phone number"],
  busy: ["请稍候…", "One moment…"],
  again: ["重试", "Try again"],
  denied: ["没有获得授权，可以再点一次", "The number was not shared. You can tap again"],
  privacy: ["请先同意隐私保护指引，再点一次", "Please agree to the privacy guideline, then tap again"],
  platform: ["暂时不能获取手机号，请用其他方式填写", "Not available now. Please use another way"],
  network: ["网络不通，请稍后重试", "No connection. Please try again"],
  server: ["暂时无法完成，请稍后再试", "This did not work. Please try later"],
  unsupported: ["当前版本不能获取手机号，请用其他方式填写", "Not available in this version. Please use another way"]
};
var ENTRY = {
  number: ["手机号", "Phone number"],
  code: ["短信验证码", "Code from the message"],
  send: ["获取验证码", "Send code"],
  resend: ["重新获取", "Send again"],
  wait: ["{seconds} 秒后重发", "Again in {seconds} s"],
  sent: ["验证码已发送，请查看短信", "The code is on its way. Please see your messages"],
  use: ["用这个号码", "Use this number"]
};

// src/button.ts
var FRESH = 24e4;
var DEAD = 29e4;
var owner;
var code;
var taken = 0;
var asking;
var offline;
var using = 0;
var buttons = /* @__PURE__ */ new Set();
var take = () => {
  const found = code;
  code = void 0;
  return found;
};
var tell = () => buttons.forEach((show) => show());
var giveAway = () => {
  const found = take();
  tell();
  return found;
};
var now = () => Date.now();
var word = (options, key) => (WORDS[key] || WORDS[PLATFORM])[options.lang === "en" ? 1 : 0];
var PhoneButton = function(options) {
  const [platform, host] = find(options.platform);
  const alipay = platform === ALIPAY;
  const patience = () => options.timeout || 1e4;
  if (owner !== host) {
    owner = host;
    code = asking = void 0;
    using = 0;
    buttons.clear();
  }
  let timer;
  let busy = false;
  let last;
  let done;
  let pending;
  let from = 0;
  let wait = 0;
  let failure;
  const look = () => {
    const supported = !!supports(platform, host, options);
    const alive = !!code && now() - taken < DEAD;
    const lost = offline && !alive;
    const again = !busy && !!(pending || lost);
    const shown = !supported && refusal("unsupported", STOP) || failure || lost && refusal("network", RETRY_LATER) || {};
    return {
      supported,
      ready: supported && !busy && (again ? now() >= wait : alive && !using),
      busy,
      again,
      openType: supported && !again ? openType(platform, host, options) : "",
      scope: alipay ? "phoneNumber" : "",
      fallback: !!shown.fallback,
      label: word(options, busy ? "busy" : again ? "again" : "label"),
      text: busy || !shown.reason ? "" : shown.text || word(options, shown.reason),
      reason: shown.reason || ""
    };
  };
  const show = () => {
    const state = look();
    if (stringify(state) !== stringify(button.state)) {
      button.state = state;
      if (options.onState) options.onState(state);
    }
  };
  const login = () => {
    const at = now();
    if (!busy && at - from > FRESH) pending = null;
    if (timer && !asking && !using && !pending && button.state.supported && !(code && at - taken < FRESH)) {
      asking = logIn(platform, host, patience()).catch(() => "").then((found) => {
        if (found) {
          code = found;
          taken = at;
        }
        offline = !found;
        asking = void 0;
        tell();
      });
    }
    show();
    return Promise.resolve(asking);
  };
  const read = (detail) => {
    if (!alipay) return authorization(platform, options, detail);
    if (detail.trim || detail.response) return ofAlipay(detail.response || detail);
    const args = options.isvAppId ? { protocols: { isvAppId: options.isvAppId } } : {};
    return call(host, GET_PHONE_NUMBER, args, patience()).then((found) => ofAlipay(found.response), declined);
  };
  const bodyOf = (authorization2) => {
    const { policy, scene } = options;
    const consent = policy || scene ? { policy, scene } : void 0;
    return parse(stringify({ login_code: take(), authorization: authorization2, consent }));
  };
  const post = (body, tries) => {
    pending = body;
    return Promise.resolve(body).then(options.post || (() => send(alipay, host, options, "phone-number", body, patience()))).then((answer) => outcome(platform, answer)).catch((error) => refusal("network", RETRY_LATER, { message: declined(error).message })).then((found) => {
      const pause = found.retryAfter || tries;
      if (found.ok || !found.retry || tries > 2 || pause > 5) return found;
      return new Promise((ready) => setTimeout(ready, pause * 1e3)).then(() => post(body, tries + 1));
    });
  };
  const run = (act) => {
    if (!busy) {
      busy = true;
      using++;
      last = Promise.resolve().then(act).then((found) => found.reason ? found : post(found.authorization ? found : bodyOf(found), 1)).then((found) => {
        failure = !found.ok && found;
        if (failure) failure.text = failure.text || word(options, failure.reason);
        busy = false;
        using--;
        done = found.ok && now();
        wait = now() + (found.retryAfter || 0) * 1e3;
        if (!found.retry) pending = null;
        login();
        tell();
        const hear = found.ok ? options.onSuccess : options.onFail;
        if (hear) hear(found);
        return found;
      });
      tell();
    }
    return last;
  };
  const button = {
    platform,
    set(changed) {
      options = assign({}, options, changed);
      show();
    },
    start() {
      button.stop();
      timer = setInterval(login, 5e3);
      buttons.add(show);
      return login();
    },
    stop() {
      timer = clearInterval(timer);
      buttons.delete(show);
    },
    shown: login,
    // A double tap gives two events, at once or one after the other.
    received: (event) => now() - done < 1e3 ? last : run(() => {
      from = now();
      return read(detailOf(event));
    }),
    declined: (event) => run(() => declined(event)),
    again: () => busy || pending ? run(() => pending) : button.start(),
    ask: () => call(host, GET_PHONE_NUMBER, { isRealtime: options.realtime }, DEAD).then(button.received, button.declined)
  };
  button.state = look();
  return button;
};

// src/sms-code.ts
var SmsCode = class {
  constructor(options) {
    this.options = options;
    this.ticket = "";
    this.session = "";
    this.patience = () => this.options.timeout || 1e4;
  }
  /** Takes changed options; the others stay. */
  set(changed) {
    this.options = Object.assign({}, this.options, changed);
  }
  /** Sends a code. It uses the login of the page's button, or takes one: nothing is sealed under it. */
  send(phoneNumber) {
    return __async(this, null, function* () {
      const [platform, host] = find(this.options.platform);
      const login = this.session ? { session: this.session } : { login_code: giveAway() || (yield logIn(platform, host, this.patience()).catch(() => "")) };
      if (!this.session && !login.login_code) return this.worded(refusal("network", RETRY_LATER));
      const found = yield this.ask("send", Object.assign({ phone_number: phoneNumber }, login));
      if (!found.ok) this.session = "";
      if (!found.ok) return found;
      const { ticket, session, expires_in, resend_after } = found.answer;
      this.ticket = ticket;
      this.session = session || this.session;
      return { ok: true, expiresIn: expires_in, resendAfter: resend_after };
    });
  }
  /** Turns the code into the number. The outcome is that of the button. */
  check(code2) {
    const { policy, scene } = this.options;
    const consent = policy || scene ? { policy, scene } : void 0;
    return this.ask("check", { ticket: this.ticket, session: this.session, sms_code: code2, consent });
  }
  worded(found) {
    const words = WORDS;
    if (!found.ok) found.text = found.text || words[found.reason][this.options.lang === "en" ? 1 : 0];
    return found;
  }
  ask(route, body) {
    return __async(this, null, function* () {
      const [platform, host] = find(this.options.platform);
      const post = this.options.post || ((name, sent) => send(platform === ALIPAY, host, this.options, "sms/" + name, sent, this.patience()));
      try {
        return this.worded(outcome(platform, yield post(route, JSON.parse(JSON.stringify(body)))));
      } catch (error) {
        return this.worded(refusal("network", RETRY_LATER, { message: declined(error).message }));
      }
    });
  }
};

// src/entry.ts
var NUMBER = /^(1\d{10}|\+\d{7,15}|[02-9]\d{5,14})$/;
var PhoneEntry = class {
  constructor(options) {
    this.options = options;
    this.number = "";
    this.code = "";
    this.sent = false;
    this.busy = false;
    this.failed = false;
    this.text = "";
    /** When another code may be asked for. */
    this.until = 0;
    this.way = new SmsCode(this.ofSms());
    this.state = this.look();
  }
  /** Takes changed options; the others stay. */
  set(changed) {
    this.options = Object.assign({}, this.options, changed);
    this.way.set(this.ofSms());
    this.show();
  }
  /** Call it when the fields disappear. */
  stop() {
    clearInterval(this.timer);
    this.options = Object.assign({}, this.options, { onState: void 0 });
  }
  /** Call it with the event of the field for the number. */
  typeNumber(event) {
    this.number = typed(event);
    this.sent = this.failed = false;
    this.until = 0;
    this.code = this.text = "";
    this.show();
  }
  /** Call it with the event of the field for the code. */
  typeCode(event) {
    this.code = typed(event);
    this.show();
  }
  /** Sends a code. Call it from a tap. */
  send() {
    return __async(this, null, function* () {
      if (!this.state.canSend) return;
      const found = yield this.during(this.way.send(this.number));
      if (found.ok) {
        this.sent = true;
        this.tell(this.word("sent"), found.resendAfter);
      } else {
        this.refused(found);
      }
    });
  }
  /** Uses the number. Call it from a tap. */
  use() {
    return __async(this, null, function* () {
      const { onSuccess, onTyped } = this.options;
      if (!this.state.canUse) return;
      if (!this.state.sms) {
        if (onTyped) onTyped({ phoneNumber: this.number });
        return;
      }
      const found = yield this.during(this.way.check(this.code));
      if (!found.ok) return this.refused(found);
      this.tell("", 0);
      if (onSuccess) onSuccess(found);
    });
  }
  ofSms() {
    const { post } = this.options;
    return Object.assign({}, this.options, {
      post: post && ((route, body) => post(body, "sms/" + route))
    });
  }
  word(key) {
    return ENTRY[key][this.options.lang === "en" ? 1 : 0];
  }
  look() {
    const { sent, busy, failed, text } = this;
    const sms = !!this.options.sms && !!find(this.options.platform)[1];
    const left = Math.ceil((this.until - Date.now()) / 1e3);
    const good = NUMBER.test(this.number);
    return {
      sms,
      sent: sms && sent,
      busy,
      canSend: sms && good && !busy && left <= 0,
      canUse: good && !busy && (!sms || sent && /^\d{4,8}$/.test(this.code)),
      failed,
      text,
      number: this.word("number"),
      code: this.word("code"),
      send: left > 0 ? this.word("wait").replace("{seconds}", String(left)) : this.word(sent ? "resend" : "send"),
      use: this.word("use")
    };
  }
  show() {
    const state = this.look();
    clearInterval(this.timer);
    if (this.until > Date.now() && this.options.onState) this.timer = setInterval(() => this.show(), 1e3);
    if (JSON.stringify(state) === JSON.stringify(this.state)) return;
    this.state = state;
    if (this.options.onState) this.options.onState(state);
  }
  during(asked) {
    return __async(this, null, function* () {
      this.busy = true;
      this.failed = false;
      this.text = "";
      this.show();
      const found = yield asked;
      this.busy = false;
      return found;
    });
  }
  tell(text, seconds) {
    this.text = text;
    this.until = Date.now() + seconds * 1e3;
    this.show();
  }
  refused(failure) {
    this.failed = true;
    this.tell(failure.text, Math.max(failure.retryAfter || 0, (this.until - Date.now()) / 1e3));
    if (this.options.onFail) this.options.onFail(failure);
  }
};
var typed = (event) => String((event && event.trim ? event : detailOf(event).value) || "").replace(/[\s-]/g, "");
