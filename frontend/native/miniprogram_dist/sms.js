/* haoma-core; SPDX-License-Identifier: Apache-2.0 */
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

// src/sms.ts
var sms_exports = {};
__export(sms_exports, {
  SmsCode: () => SmsCode
});
module.exports = __toCommonJS(sms_exports);

// src/hosts.ts
var { assign } = Object;
var { parse, stringify } = JSON;
var ALIPAY = "alipay";
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
  const { code, title, next, retry } = body || {};
  const guess = status === 429 || status > 501 && status < 505 ? RETRY_LATER : status > 499 ? ASK_AGAIN : STOP;
  const text = /\./.test(code) ? "" : title;
  const found = refusal(code === "declined" ? "denied" : "server", next || guess, { code, text });
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

// src/sms.ts
var SmsCode = class {
  constructor(options) {
    this.options = options;
    this.ticket = "";
    this.session = "";
    this.patience = () => this.options.timeout || 1e4;
  }
  /** Sends a code. The login is taken now: nothing is sealed under it. */
  send(phoneNumber) {
    return __async(this, null, function* () {
      const [platform, host] = find(this.options.platform);
      const login = this.session ? { session: this.session } : { login_code: yield logIn(platform, host, this.patience()).catch(() => "") };
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
  check(code) {
    const { policy, scene } = this.options;
    const consent = policy || scene ? { policy, scene } : void 0;
    return this.ask("check", { ticket: this.ticket, session: this.session, sms_code: code, consent });
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
