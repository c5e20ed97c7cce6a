"""What the phone button gives is followed to the request that sends it; working code gets no advice."""

from contextlib import contextmanager

import pytest
from test_doctor_frontend import GOOD_BUTTON, write

from haoma.doctor.mini_program import builtins
from haoma.doctor.mini_program.scan import scan

ALIPAY = '<button open-type="getAuthorize" scope="phoneNumber" onGetAuthorize="onPhone" onError="onDeny">x</button>'
BOTH = {"p.wxml": GOOD_BUTTON, "p.axml": ALIPAY}
CLEAN = [("doctor.front-end-clean", "", 0)]


def page(body, before=""):
    return f"{before}\nPage({{ onLoad() {{}}, onDeny() {{}},\nasync onPhone(e) {{\n{body}\n}} }})"


def found_in(folder, files, **how):
    return list(scan(write(folder, files), **how))


GETS = {
    "by default": "wx.request({ url, data: { iv: e.detail.iv } })",
    "written": "wx.request({ url, method: 'get', data: { encryptedData: e.detail.encryptedData } })",
    "the whole detail": "wx.request({ url, data: e.detail })",
    "spread": "wx.request({ url, data: { ...e.detail } })",
    "assigned": "wx.request({ url, data: Object.assign({ a: 1 }, e.detail) })",
    "taken apart": "const { detail: { iv: x } } = e; wx.request({ url, data: { x } })",
    "options made before": "const options = { url, data: {} }; options.data.iv = e.detail.iv; wx.request(options)",
    "a helper by position": "send('/phone', { iv: e.detail.iv }, 'GET')",
    "a helper by its default": "fetchIt('/phone', { iv: e.detail.iv })",
    "a helper by object": "call({ url: '/phone', method: 'GET', data: { iv: e.detail.iv } })",
    "an unknown helper by position": "this.$request('/phone', { iv: e.detail.iv }, 'get')",
    "an unknown helper by object": "request({ url, method: 'get', params: { iv: e.detail.iv } })",
    "a verb of a client": "http.get('/phone', { params: { iv: e.detail.iv } })",
    "in an address": "wx.request({ url: '/p?iv=' + encodeURIComponent(e.detail.iv), method: 'POST' })",
    "in a template": "wx.request({ url: `/p?iv=${e.detail.iv}` })",
    "of an envelope": "my.getPhoneNumber({ success: ({ response }) => my.request({ url, data: { response } }) })",
    "of a later function": "this.send(e.detail)",
}  # fmt: skip
HELPERS = """
const send = (url, data, method = 'POST') => new Promise((ok) => wx.request({ url, data, method, success: ok }))
function fetchIt(url, data, method) { return wx.request({ url, data, method: method || 'get' }) }
function call({ url, data, method = 'post' }) { return wx.request({ url, data, method }) }
"""


@pytest.mark.parametrize("body", GETS.values(), ids=GETS)
def test_a_get(body, tmp_path):
    """In every way of writing it: base64 does not survive an address."""
    script = page(body, HELPERS).replace("onLoad() {}", "send(d) { wx.request({ url, data: d }) }")
    found = found_in(tmp_path, BOTH | {"p.js": script})
    assert [(each.code, each.severity) for each in found] == [("doctor.sent-with-get", "fault")], found


POSTS = {
    "written": "wx.request({ url, method: 'post', data: { iv: e.detail.iv } })",
    "by a helper": "send('/phone', { iv: e.detail.iv })",
    "by a helper with a get for others": "fetchIt('/shops', { id: 1 }); fetchIt('/phone', { iv: e.detail.iv }, 'POST')",
    "a later get of something else": "send('/phone', e.detail).then((r) => wx.request({ url: ME, data: { id: r.data.id } }))",
    "another method inside": "wx.request({ url, data: { code: e.detail.code, pay: { method: 1 } }, method: 'POST' })",
    "a method in a variable": "const method = 'POST'; wx.request({ url, method, data: { code: e.detail.code } })",
    "a look at a path": "const iv = get(e, 'detail.iv'); send('/phone', e.detail)",
    "a verb of a client": "http.post('/phone', { iv: e.detail.iv })",
    "a function of the cloud": "wx.cloud.callFunction({ name: 'phone', data: { cloudID: e.detail.cloudID } })",
    "a container of the cloud": "wx.cloud.callContainer({ path: '/phone', method: 'POST', data: { code: e.detail.code } })",
    "the whole envelope": "my.getPhoneNumber({ success: (res) => send('/phone', { response: res.response }) })",
    "the whole envelope, parsed": "my.getPhoneNumber({ success: (res) => send('/phone', JSON.parse(res.response)) })",
    "both parts of the envelope": "my.getPhoneNumber({ success: (res) => { const { response, sign } = JSON.parse(res.response); send('/p', { response, sign }) } })",
    "a promise of the envelope": "const { response } = await my.getPhoneNumber(); await send('/p', { response })",
    "an error looked for": "my.getPhoneNumber({ success: (res) => { const o = JSON.parse(res.response); if (o.response.code) return; send('/p', { response: res.response }) } })",
}  # fmt: skip


@pytest.mark.parametrize("body", POSTS.values(), ids=POSTS)
def test_what_works_gets_no_advice(body, tmp_path):
    """Sent unchanged, with POST."""
    found = found_in(tmp_path, BOTH | {"p.js": page(body, HELPERS)})
    assert [(each.code, each.file, each.line) for each in found] == CLEAN


def test_a_phone_code_by_get_works_and_is_looked_at(tmp_path):
    """A code has no plus sign: it arrives, but stays in every log."""
    found = found_in(
        tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": page("wx.request({ url, data: { code: e.detail.code } })")}
    )
    assert [(each.code, each.severity) for each in found] == [("doctor.sent-with-get", "warning")]


LOST = {
    "in a call": "send('/p', { response: JSON.parse(res.response).response })",
    "by a variable": "const o = JSON.parse(res.response); send('/p', { data: o.response })",
    "by an index": "send('/p', { data: JSON.parse(res.response)['response'] })",
    "taken apart": "const { response: cipher } = JSON.parse(res.response); send('/p', { cipher })",
    "by a name that is used twice": "let body = JSON.parse(res.response); body = body.response; send('/p', { body })",
    "through this": "this.cipher = JSON.parse(res.response).response; this.later()",
    "through data": "this.setData({ cipher: JSON.parse(res.response).response }); this.shown()",
    "through the storage": "my.setStorageSync({ key: 'c', data: JSON.parse(res.response).response }); send('/p', { c: my.getStorageSync({ key: 'c' }).data })",
}  # fmt: skip


@pytest.mark.parametrize("body", LOST.values(), ids=LOST)
def test_a_lost_sign(body, tmp_path):
    """The inner response alone cannot be verified."""
    script = page(f"my.getPhoneNumber({{ success: (res) => {{\n{body} }} }})", HELPERS).replace(
        "onLoad() {}", "later() { send('/p', { c: this.cipher }) }, shown() { send('/p', { c: this.data.cipher }) }"
    )
    found = found_in(tmp_path, {"p.axml": ALIPAY, "p.js": script})
    assert {(each.code, each.severity) for each in found} == {("doctor.sign-lost", "fault")}, found


LOGINS = {
    "in the callback": ("const { code } = await wx.login()\nsend('/p', { code, encryptedData: e.detail.encryptedData })", "fault", False),
    "around the request": ("wx.login({ success(r) {\nsend('/p', { code: r.code, iv: e.detail.iv }) } })", "fault", False),
    "by a method": ("await this.logIn()\nsend('/p', { iv: e.detail.iv })", "fault", False),
    "in another file": ("await auth.wxaCode()\nsend('/p', { iv: e.detail.iv })", "fault", False),
    "two files away": ("await auth.renew()\nsend('/p', { iv: e.detail.iv })", "fault", False),
    "of the app": ("await getApp().logIn()\nsend('/p', { iv: e.detail.iv })", "fault", False),
    "with a code as well": ("await wx.login()\nsend('/p', { code: e.detail.code, iv: e.detail.iv })", "warning", True),
    "of the whole detail": ("await wx.login()\nsend('/p', e.detail)", "warning", True),
    "with the code alone": ("await wx.login()\nsend('/p', { code: e.detail.code })", "note", False),
    "under a condition": ("if (!this.code) { await wx.login() }\nsend('/p', { iv: e.detail.iv })", "note", True),
    "under the same condition": ("if (e.detail.iv) { await wx.login();\nsend('/p', { iv: e.detail.iv }) }", "fault", False),
    "in a wrapper that may log in": ("await auth.send({ iv: e.detail.iv })", "", False),
    "after a failure": ("wx.checkSession({ fail: () => wx.login() })\nsend('/p', { iv: e.detail.iv })", "", False),
    "after the answer": ("send('/p', { iv: e.detail.iv }).then(() => wx.login())", "", False),
    "finally": ("try { await send('/p', { iv: e.detail.iv }) } finally { wx.login() }", "", False),
    "if the user declines": ("if (!e.detail.iv) { wx.login(); return }\nsend('/p', { iv: e.detail.iv })", "", False),
    "or else": ("if (e.detail.iv) send('/p', { iv: e.detail.iv })\nelse wx.login()", "", False),
    "with an envelope": ("my.getAuthCode({ success: (c) => my.getPhoneNumber({ success: (r) => send('/p', { a: c.authCode, response: r.response }) }) })", "", False),
}  # fmt: skip


@pytest.mark.parametrize("body, severity, guess", LOGINS.values(), ids=LOGINS)
def test_a_login_before_the_data_is_sent(body, severity, guess, tmp_path):
    """A fault where a session_key opens the data; a note where a code is sent; nothing after the request."""
    script = "const auth = require('./auth')\n" + page(body, HELPERS).replace(
        "onLoad() {}", "logIn() { return wx.login() }"
    )
    files = {
        "p.wxml": GOOD_BUTTON, "p.js": script,
        "auth.js": "exports.wxaCode = () => new Promise((ok) => wx.login({ success: ok }))\nexports.renew = async () => { await exports.wxaCode() }\nexports.send = async (data) => { if (!wx.getStorageSync('t')) await exports.wxaCode(); wx.request({ method: 'POST', data }) }",
        "app.js": "App({ logIn() { return wx.login() } })",
    }  # fmt: skip
    found = [each for each in found_in(tmp_path, files) if each.code != "doctor.front-end-clean"]
    assert [(each.code, each.severity, each.guess) for each in found] == (
        [("doctor.login-in-callback", severity, guess)] if severity else []
    )
    assert all((each.file, each.line) == ("p.js", 9) for each in found)


def test_a_login_at_the_tap(tmp_path):
    """A tap on the phone button itself races with the data; that of another button does not matter."""
    script = page("send('/p', { iv: e.detail.iv })", HELPERS).replace("onLoad() {}", "doLogin() {\n wx.login() }")
    button = GOOD_BUTTON.replace("<button", '<button bindtap="doLogin"')
    (found,) = found_in(tmp_path, {"p.wxml": button, "p.js": script})
    assert (found.code, found.severity, found.guess) == ("doctor.login-in-callback", "warning", True)
    (found,) = found_in(tmp_path, {"p.wxml": GOOD_BUTTON + '<button bindtap="doLogin">log in</button>'})
    assert found.code == "doctor.front-end-clean"


NOT_UNDERSTOOD = {
    "a function of a package": "sdk.bind(e.detail)",
    "a function that is nowhere": "handOver(e.detail)",
    "a method from elsewhere": "wx.request({ url, method: this.how, data: { iv: e.detail.iv } })",
    "options from elsewhere": "wx.request({ ...this.options, data: { iv: e.detail.iv } })",
}  # fmt: skip


@pytest.mark.parametrize("body", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_what_is_not_understood_is_listed_and_is_no_fault(body, tmp_path):
    """With its place; and nothing is called clean."""
    script = "import sdk from 'some-sdk'\n" + page(body).replace(
        "onLoad() {}", "onLoad(o) { this.how = o.how; this.options = o }"
    )
    found = found_in(tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": script})
    assert [(each.code, each.severity, each.file, each.line) for each in found] == [
        ("doctor.not-understood", "note", "p.js", 5)
    ]


def test_the_configuration_says_which_platforms_are_meant(tmp_path):
    """What only Alipay needs is not asked of a program that is built for WeChat."""
    page = '<template><button open-type="getRealtimePhoneNumber" @getrealtimephonenumber="a"/></template><script setup>const a = (e) => uni.request({ url, method: "POST", data: { code: e.detail.code } })</script>'
    files = {"manifest.json": '{"mp-alipay": {}, "mp-weixin": {}}', "p.vue": page}
    codes = {name: {each.code for each in found_in(tmp_path, files, platforms=[name])} for name in ("wechat", "alipay")}
    assert codes["wechat"] == {"doctor.front-end-clean"}
    assert "doctor.open-type-unmapped" in codes["alipay"]


def test_progress_is_told_to_its_end(tmp_path):
    """As much as was announced, whatever the files hold."""
    told = []

    @contextmanager
    def bar(total):
        told.append(total)
        yield lambda more: told.append(-more)

    found_in(tmp_path, BOTH | {"p.js": page("send(e.detail)"), "notes.txt": "", "q.js": "getPhoneNumber"}, progress=bar)
    assert told[0] == 5 + 3
    assert sum(told) == 0


def test_files_that_import_one_another_are_followed(tmp_path):
    """What a file exports may come only after somebody imported it."""
    files = {
        "p.wxml": GOOD_BUTTON, "p.js": "import api from './api'\n" + page("api.send(e.detail)"),
        "api.js": "import request from './request'\nexport default { send: (data) => request(data), me: () => request({}) }",
        "request.js": "import api from './api'\nexport default (data) => wx.request({ url, data, fail: () => api.me() })",
    }  # fmt: skip
    for first in ("", "import './request'\n"):
        found = found_in(tmp_path, files | {"p.js": first + files["p.js"]})
        assert [(each.code, each.file, each.line) for each in found] == [("doctor.sent-with-get", "request.js", 2)]


def test_nothing_is_sent(tmp_path):
    """A callback that was understood and sends nothing."""
    found = found_in(tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": page("console.log(e.detail)")})
    assert [(each.code, each.severity) for each in found] == [("doctor.nothing-posted", "warning")]


@pytest.mark.parametrize("name", ["mpvue", "remax", "@wepy/core", "rax", "kbone", "@mpxjs/core", "megalo"])
def test_a_framework_that_is_not_understood(name, tmp_path):
    """It is named, and nothing else is judged but secrets."""
    script = "wx.login(); const appSecret = '0123456789abcdef0123456789abcdef'"
    files = {
        "package.json": f'{{"dependencies": {{"{name}": "1.0.0"}}}}',
        "p.wxml": '<button open-type="getphonenumber">',
        "p.js": script,
    }
    found = found_in(tmp_path, files)
    assert {each.code for each in found} == {"doctor.secret-in-front-end", "doctor.framework-not-understood"}


def test_without_the_parser_secrets_are_searched_and_that_is_said(tmp_path, monkeypatch):
    """The extra is named in one line."""
    monkeypatch.setattr("haoma.doctor.mini_program.syntax.find_spec", lambda _name: None)
    script = "const appSecret = '0123456789abcdef0123456789abcdef'"
    found = found_in(tmp_path, {"p.wxml": '<button open-type="getphonenumber">', "p.js": script})
    assert [each.code for each in found] == ["doctor.secret-in-front-end", "doctor.parser-missing"]
    assert "haoma[front-end]" in found[1].words("en").remedy
    assert "doctor.front-end-clean" not in {each.code for each in found_in(tmp_path / "b", {"p.js": ""})}


def test_a_failure_of_the_analysis_hides_nothing_else(tmp_path, monkeypatch):
    """It is said of the page in which it happened; the faults of the others are found."""

    def fail(_machine, _call):
        raise KeyError("exports")

    monkeypatch.setitem(builtins.FUNCTIONS, "nobodyThoughtOfThis", fail)
    files = {
        "a.wxml": GOOD_BUTTON, "a.js": page("nobodyThoughtOfThis(e.detail)"),
        "b.wxml": GOOD_BUTTON, "b.js": page("", before="nobodyThoughtOfThis()"),
        "c.wxml": GOOD_BUTTON, "c.js": page("wx.request({ url, data: e.detail })"),
    }  # fmt: skip
    said = {(each.code, each.file, each.because.get("what", "")) for each in found_in(tmp_path, files)}
    assert said == {
        ("doctor.not-understood", "a.wxml", "analysis failed"),
        ("doctor.not-understood", "b.wxml", "analysis failed"),
        ("doctor.sent-with-get", "c.js", ""),
    }


LARGE = "const all = [" + "1,\n" * 40_000 + "]\n"


def test_imports_that_use_up_the_steps_leave_enough_for_the_page(tmp_path):
    """What is too large is said; the handler is found, and what it does."""
    files = {"p.wxml": GOOD_BUTTON, "p.js": page("wx.request({ url, data: e.detail })", before="import './large'")}
    found = found_in(tmp_path, files | {"large.js": LARGE})
    assert {(each.code, each.file) for each in found} == {
        ("doctor.not-understood", "large.js"),
        ("doctor.sent-with-get", "p.js"),
    }


@pytest.mark.parametrize("times", [1, 2])
def test_a_page_that_is_too_large_is_called_that(tmp_path, times):
    """Its handler is there; it was not reached, or not even read."""
    files = {"p.wxml": GOOD_BUTTON, "p.js": page("wx.request({ url, data: e.detail })", before=LARGE * times)}
    assert {(each.code, each.because["what"].partition(" ")[2]) for each in found_in(tmp_path, files)} == {
        ("doctor.not-understood", "too large to follow")
    }


SENDS = "wx.request({ url, method: 'POST', data: { code: e.detail.code } })"
FLAGS = {
    "an object of the file": ("const st = { ok: false }; exports.set = () => { st.ok = true }", "if (!st.ok) return"),
    "its list": ("const st = { l: [] }; exports.set = (x) => { st.l = x }", "if (!st.l.length) return"),
    "a variable": ("let ok = false; exports.set = () => { ok = true }", "if (!ok) return"),
    "what a condition makes": ("const is = (x) => x && true", "if (!is(e.type)) return"),
    "what a function may return": ("const is = (x) => { if (x) return x.y; return false }", "if (!is(e.type)) return"),
}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_that_may_change_hides_nothing(tmp_path, flag):
    """What is sent behind it is seen."""
    before, guard = FLAGS[flag]
    assert [(each.code, each.file, each.line) for each in found_in(tmp_path, {
        "p.wxml": GOOD_BUTTON, "p.js": page(f"{guard}\n{SENDS}", before),
    })] == CLEAN  # fmt: skip


UNSEEN = {
    "kept": ("this.code = e.detail.code", "kept, and not seen to be sent"),
    "kept by the file": ("held.push(e.detail); held = [e.detail.code]", "kept, and not seen to be sent"),
    "kept for the next page": (
        "wx.navigateTo({ url: `/pages/b/b?code=${e.detail.code}` })",
        "kept, and not seen to be sent",
    ),
    "a branch that is never taken": (f"const sends = false; if (sends) {{ {SENDS} }}", "branch that was not taken"),
    "a promise": (
        "this.promise || (this.promise = new Promise((ok) => { this.ok = ok })); this.ok(e.detail.code)",
        "promise that others wait for",
    ),
}


@pytest.mark.parametrize("way", UNSEEN)
def test_where_something_was_lost_nothing_is_advised(tmp_path, way):
    """That nothing is posted is said only where all was followed."""
    body, what = UNSEEN[way]
    found = found_in(tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": page(body, "let held = []")})
    assert [(each.code, each.because) for each in found] == [("doctor.not-understood", {"what": what})]


SENT_BACK = {
    "alone": ("{ phone }", ["doctor.number-from-the-phone"]),
    "with its country": ("{ phone, countryCode: this.country }", ["doctor.number-from-the-phone"]),
    "with a login code": ("{ phone, code: (await wx.login()).code }", ["doctor.number-from-the-phone"]),
    "with a typed code": ("{ phone, code: this.data.typed }", ["doctor.front-end-clean"]),
    "with the button's code": ("{ phone, code: e.detail.code }", ["doctor.front-end-clean"]),
    "signed": ("{ phone, sign }", ["doctor.not-understood"]),
}


@pytest.mark.parametrize("way", SENT_BACK)
def test_a_number_that_is_sent_back(tmp_path, way):
    """It is a fault only where nothing proves it anew."""
    body, codes = SENT_BACK[way]
    send = "const post = (url, data) => new Promise((ok) => wx.request({ url, data, method: 'POST', success: ok }))"
    script = f"const {{ phone, sign }} = await post('/phone', {{ code: e.detail.code }})\nawait post('/login', {body})"
    found = found_in(tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": page(script, send)})
    assert [each.code for each in found] == codes


ADDRESSES = {
    "https://orders.example.com/login": False, "/bind": False, "/sms/send": True, "/user/sendCode": True,
    "/user/store_apply": True, "/pay": True, "/order/prepay": True,
}  # fmt: skip


@pytest.mark.parametrize("url", ADDRESSES)
def test_what_a_number_is_sent_to(tmp_path, url):
    """A message to it, an application or a payment makes nobody its user."""
    send = "const post = (url, data) => new Promise((ok) => wx.request({ url, data, method: 'POST', success: ok }))"
    script = f"const {{ phone }} = await post('/phone', {{ code: e.detail.code }})\nawait post('{url}', {{ phone }})"
    found = found_in(tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": page(script, send)})
    code = "doctor.front-end-clean" if ADDRESSES[url] else "doctor.number-from-the-phone"
    assert [each.code for each in found] == [code]


LEFT_OVER = {
    "calls what the tap calls": ('<view bindgetphonenumber="go" bindtap="go" />', CLEAN),
    "with a type": ('<button open-type="getphonenumber" bindgetphonenumber="go" bindtap="go" />', None),
    "another handler": ('<view bindgetphonenumber="onPhone" bindtap="go" />', None),
}


@pytest.mark.parametrize("way", LEFT_OVER)
def test_an_event_that_was_left_over(tmp_path, way):
    """Beside a tap that does the same it harms nobody."""
    element, said = LEFT_OVER[way]
    script = page("wx.request({ url, method: 'POST', data: { code: e.detail.code } })").replace("onDeny", "go")
    found = [
        (each.code, each.file, each.line)
        for each in found_in(tmp_path, {"p.wxml": GOOD_BUTTON + element, "p.js": script})
    ]
    assert found == (said or [("doctor.event-never-fires", "p.wxml", 2)])


def test_a_method_that_is_not_there_beside_a_tap(tmp_path):
    """React calls nothing; the tap works."""
    script = (
        "import Taro from '@tarojs/taro'\nexport default class extends Component {\n  go = () => {}\n"
        "  render() { return <Button onGetPhoneNumber={this.%s} onClick={this.go}>x</Button> }\n}\n"
    )
    files = {"package.json": '{"dependencies":{"@tarojs/taro":"3","react":"18"}}'}
    for name, clean in (("gone", True), ("go", False)):
        found = found_in(tmp_path, files | {"p.jsx": script % name})
        assert ([each.code for each in found] == ["doctor.front-end-clean"]) is clean
