"""A folder of a mini program: each mistake is found at its line, and what the documentation shows is clean."""

import base64
import os
import re
from pathlib import Path
from time import process_time

import pytest

from haoma.doctor.configuration.secrets import known_values
from haoma.doctor.mini_program.rules import RULES, Project, scan
from haoma.doctor.mini_program.sources import FILE_BYTES, Source, read
from haoma.settings.reader import load

pytest_plugins = ["support.desk"]

ROOT = Path(__file__).parents[2]
QUARTER = FILE_BYTES // 4
"""What grows with the square of the size takes a sixteenth of the time on a quarter of it."""
GOOD_PAGE = """Page({
  onLoad() { this.logIn(); },
  logIn() { wx.login({ success: (res) => { this.loginCode = res.code; } }); },
  onPhone(e) {
    wx.request({ url: SERVER, method: 'POST', data: { login_code: this.loginCode, authorization: { code: e.detail.code } },
      complete: () => this.logIn() });
  },
});
"""
GOOD_BUTTON = '<button open-type="getPhoneNumber" bindgetphonenumber="onPhone">x</button>\n'
UNI = '{"mp-alipay": {}, "mp-weixin": {}}'
POST = "uni.request({ url, method: 'POST', data })\n"
TARO = "import { Button } from '@tarojs/components'\nTaro.request({ method: 'POST' })\nconst plugin = '@tarojs/plugin-platform-alipay'\n"
KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" + base64.b64encode(bytes(range(256)) * 4).decode()

CASES = [
    # name, files, code, file, line, guess
    ("private-key", {"a.js": f"// one\nconst key = '{KEY}'"}, "doctor.secret-in-front-end", "a.js", 2),
    ("pem", {"a.ts": "x\n`-----BEGIN PRIVATE KEY-----`"}, "doctor.secret-in-front-end", "a.ts", 2),
    ("app-secret", {"app.js": "const appSecret = '0123456789abcdef0123456789abcdef'"}, "doctor.secret-in-front-end", "app.js", 1),
    ("app-secret-of-env", {".env.production": "VITE_URL=/\nVITE_APP_SECRET = 0123456789abcdef0123456789abcdef\n"}, "doctor.secret-in-front-end", ".env.production", 2),
    ("app-secret-in-an-address", {"app.js": "url = 'https://api.example.com/t?secret=0123456789abcdef0123456789abcdef&a=b'"}, "doctor.secret-in-front-end", "app.js", 1),
    ("app-secret-of-typescript", {"a.ts": "class A {\n private readonly appSecret: string = '0123456789abcdef0123456789abcdef' }"}, "doctor.secret-in-front-end", "a.ts", 2),
    ("app-secret-in-a-template", {"a.js": "const APP_SECRET = `0123456789abcdef0123456789abcdef`"}, "doctor.secret-in-front-end", "a.js", 1),
    ("app-secret-of-yaml", {"app.js": "", "config.yml": "wx:\n  appSecret: 0123456789abcdef0123456789abcdef\n"}, "doctor.secret-in-front-end", "config.yml", 2),
    ("app-secret-of-properties", {"app.js": "", "app.properties": "secret=0123456789abcdef0123456789abcdef\n"}, "doctor.secret-in-front-end", "app.properties", 1),
    ("aes-key-of-typescript", {"a.ts": "const aesKey: string = 'AAAAAAAAAAAAAAAAAAAAAA=='"}, "doctor.secret-in-front-end", "a.ts", 1),
    ("pem-file", {"app.js": "", "keys/app_private_key.pem": "-----BEGIN PRIVATE KEY-----\n"}, "doctor.secret-in-front-end", "keys/app_private_key.pem", 1),
    ("key-file", {"app.js": "", "a.key": "-----BEGIN RSA PRIVATE KEY-----\n"}, "doctor.secret-in-front-end", "a.key", 1),
    ("key-of-a-key-tool", {"app.js": "", "应用私钥.txt": KEY}, "doctor.secret-in-front-end", "应用私钥.txt", 1),
    ("aes-key", {"app.js": "aesKey: 'AAAAAAAAAAAAAAAAAAAAAA=='"}, "doctor.secret-in-front-end", "app.js", 1),
    ("platform-call", {"app.js": "\n'https://api.weixin.qq.com/sns/jscode2session?appid='"}, "doctor.secret-in-front-end", "app.js", 2),
    ("session-key", {"a.js": "wx.setStorageSync('k',\n  res.data.session_key)"}, "doctor.session-key-in-front-end", "a.js", 2),
    (
        "login-in-callback",
        {"p.wxml": GOOD_BUTTON, "p.js": "Page({\n  onPhone(e) {\n    wx.login({ success(r) { wx.request({ method: 'POST' }) } })\n  }\n})"},
        "doctor.login-in-callback", "p.js", 3,
    ),
    (
        "login-by-way-of-a-method",
        {"p.wxml": GOOD_BUTTON, "p.js": "Page({\n  logIn() { wx.login({}) },\n  async onPhone(e) {\n    await this.logIn()\n    wx.request({ method: 'POST' })\n  }\n})"},
        "doctor.login-in-callback", "p.js", 4,
    ),
    (
        "login-in-callback-of-alipay",
        {"p.axml": '<button open-type="getAuthorize" scope="phoneNumber" onGetAuthorize="onAllow">', "p.js": "Page({ onAllow() {\n my.getAuthCode({}); my.request({ method: 'POST' }) } })"},
        "doctor.login-in-callback", "p.js", 2,
    ),
    (
        "login-in-callback-of-react",
        {"p.tsx": TARO + "<Button openType={process.env.TARO_ENV} onGetPhoneNumber={onPhone} />\nconst onPhone = async (e) => {\n  const r = await Taro.login()\n  post(r)\n}"},
        "doctor.login-in-callback", "p.tsx", 6,
    ),
    ("number-from-the-phone", {"p.js": "post('/open', { code: e.detail.code }).then(r =>\n  post('/login', { phone: r.data.phone }))"}, "doctor.number-from-the-phone", "p.js", 2),
    ("get-by-default", {"p.js": "wx.request({\n url, data: { code: e.detail.code } })"}, "doctor.sent-with-get", "p.js", 1),
    ("get", {"p.js": "\nmy.request({ url, method: 'GET', data: { response: res.response } })"}, "doctor.sent-with-get", "p.js", 2),
    ("get-in-the-address", {"p.js": "const url = base + '?encryptedData=' + e.detail.encryptedData"}, "doctor.sent-with-get", "p.js", 1),
    ("get-of-axios", {"p.ts": "axios.get('/phone', { params: { iv: e.detail.iv } })"}, "doctor.sent-with-get", "p.ts", 1),
    (
        "login-code", {"p.js": "wx.login({ success(res) {\n wx.request({ method: 'POST', data: { phone_code: res.code } }) } })"},
        "doctor.login-code-as-phone-code", "p.js", 1,
    ),
    ("axml-bind", {"p.axml": '<button open-type="getAuthorize" scope="phoneNumber" bindgetauthorize="a">'}, "doctor.event-never-fires", "p.axml", 1),
    ("axml-lower-case", {"p.axml": '\n<button open-type="getAuthorize" scope="phoneNumber" onGetauthorize="a">'}, "doctor.event-never-fires", "p.axml", 2),
    ("axml-phone", {"p.axml": '<button open-type="getPhoneNumber" onGetPhoneNumber="a">'}, "doctor.event-never-fires", "p.axml", 1),
    ("axml-scope", {"p.axml": '<button open-type="getAuthorize" onGetAuthorize="a">'}, "doctor.event-never-fires", "p.axml", 1),
    ("wxml-camel", {"p.wxml": '<button open-type="getPhoneNumber" bindgetPhoneNumber="a">'}, "doctor.event-never-fires", "p.wxml", 1),
    ("wxml-alipay", {"p.wxml": '<button open-type="getAuthorize" onGetAuthorize="a">'}, "doctor.event-never-fires", "p.wxml", 1),
    ("swan-none", {"p.swan": '<button open-type="getPhoneNumber">'}, "doctor.event-never-fires", "p.swan", 1),
    (
        "uni-lower-case", {"manifest.json": UNI, "p.vue": '<template>\n<button open-type="getAuthorize" scope="phoneNumber" @getauthorize="a">'},
        "doctor.event-never-fires", "p.vue", 2,
    ),
    ("uni-dynamic", {"manifest.json": UNI, "p.vue": '<button :open-type="kind" @getphonenumber="a">'}, "doctor.dynamic-open-type", "p.vue", 1),
    (
        "uni-coupled", {"manifest.json": UNI, "p.vue": '<button open-type="getPhoneNumber|agreePrivacyAuthorization" @getphonenumber="a">'},
        "doctor.open-type-unmapped", "p.vue", 1,
    ),
    ("uni-realtime", {"manifest.json": UNI, "p.vue": '<button open-type="getRealtimePhoneNumber" @getphonenumber="a">'}, "doctor.open-type-unmapped", "p.vue", 1),
    *(
        (
            f"uni-compiled-here-{number}",
            {"manifest.json": UNI, "p.vue": f'<!-- {condition} -->\n<button open-type="getRealtimePhoneNumber" @getrealtimephonenumber="a">\n<!-- #endif -->'},
            "doctor.open-type-unmapped", "p.vue", 2,
        )
        for number, condition in enumerate(("#ifdef MP", "#ifdef MP-WEIXIN || MP-ALIPAY", "#ifdef VUE3", "#ifndef MP-WEIXIN", "#ifdef MP-WEIXIN --><!-- #endif"))
    ),
    ("taro", {"p.jsx": TARO + "<Button openType='getPhoneNumber' onGetPhoneNumber={this.a} />"}, "doctor.taro-open-type", "p.jsx", 4),
    ("taro-event", {"p.jsx": TARO + "<Button openType='getPhoneNumber' onGetPhoneNumer={(e) => { a(e) }} />" + "// TARO_ENV"}, "doctor.event-never-fires", "p.jsx", 4),
    ("taro-kit", {"p.jsx": TARO + "<AtButton openType={process.env.TARO_ENV ? 'getAuthorize' : ''} onGetAuthorize={a} />"}, "doctor.button-of-a-kit", "p.jsx", 4),
    *((f"login-in-callback-of-{suffix}",
       {f"p.{suffix}": GOOD_BUTTON, "p.js": f"Page({{\n async onPhone(e) {{\n  await {api}.{login}({{}})\n  {api}.request({{ method: 'POST' }})\n }}\n}})"},
       "doctor.login-in-callback", "p.js", 3)
      for suffix, api, login in (("swan", "swan", "getLoginCode"), ("ttml", "tt", "login"), ("ksml", "ks", "login"))),
    *((f"get-of-{api}", {"p.js": f"{api}.request({{\n url, data: {{ iv: e.detail.iv }} }})"}, "doctor.sent-with-get", "p.js", 1)
      for api in ("swan", "tt", "ks")),
    *((f"event-of-{suffix}", {f"p.{suffix}": '<button open-type="getPhoneNumber" bindGetPhoneNumber="a">'}, "doctor.event-never-fires", f"p.{suffix}", 1)
      for suffix in ("swan", "ttml", "ksml")),
    *((f"realtime-of-{suffix}", {f"p.{suffix}": '<button open-type="getRealtimePhoneNumber" bindgetrealtimephonenumber="a">'}, "doctor.event-never-fires", f"p.{suffix}", 1)
      for suffix in ("swan", "ttml", "ksml")),
    *((f"secret-{size}", {"app.js": f"x = {{\n clientSecret: '{('0a9B' * 20)[:size]}' }}"}, "doctor.secret-in-front-end", "app.js", 2) for size in (32, 40, 64)),
    *((f"call-{number}", {"app.js": f"\n'https://api.example.com{path}'"}, "doctor.secret-in-front-end", "app.js", 2)
      for number, path in enumerate((
          "/api/apps/v2/jscode2session", "/api/apps/jscode2session", "/oauth/jscode2sessionkey", "/rest/2.0/smartapp/getsessionkey",
          "/oauth2/mp/code2session", "/oauth2/v6/quickLogin/getPhoneNumber", "/v1.0/oauth2/userAccessToken"))),
    ("secret-of-harmony", {"Index.ets": "const clientSecret: string = x\nclientSecret = '" + "0a9b" * 16 + "'"}, "doctor.secret-in-front-end", "Index.ets", 2),
    (
        "login-inline-of-react",
        {"p.jsx": TARO + "<Button openType={process.env.TARO_ENV} onGetPhoneNumber={async (e) => {\n  await Taro.login()\n  post(e)\n}} />"},
        "doctor.login-in-callback", "p.jsx", 5,
    ),
    (
        "login-inline-of-vue", {"manifest.json": UNI, "p.vue": '<button open-type="getPhoneNumber" @getphonenumber="(e) => {\n uni.login({}); post(e) }">'},
        "doctor.login-in-callback", "p.vue", 2,
    ),
    (
        "login-of-dart",
        {"p.dart": "MPFlutter_Wechat_Button(openType: 'getPhoneNumber', onGetPhoneNumber: _onPhone)\nFuture<void> _onPhone(JSObject d) async {\n  await wx.login(o);\n  http.post(u);\n}"},
        "doctor.login-in-callback", "p.dart", 3,
    ),
    (
        "login-inline-of-dart",
        {"p.dart": "MPFlutter_Wechat_Button(openType: 'getPhoneNumber', onGetPhoneNumber: (d) async {\n  await wx.login(o);\n  http.post(u);\n})"},
        "doctor.login-in-callback", "p.dart", 2,
    ),
    ("event-of-dart", {"p.dart": "\nMPFlutter_Wechat_Button(openType: 'getPhoneNumber', onGetRealtimePhoneNumber: a)"}, "doctor.event-never-fires", "p.dart", 2),
    ("get-of-dart", {"p.dart": "\nhttp.get(Uri.parse(base), {'encryptedData': d})"}, "doctor.sent-with-get", "p.dart", 2),
    ("wxml-realtime", {"p.wxml": '<button open-type="getRealtimePhoneNumber" bindgetphonenumber="a">'}, "doctor.event-never-fires", "p.wxml", 1),
    ("wxml-not-realtime", {"p.wxml": '<button open-type="getPhoneNumber" bindgetrealtimephonenumber="a">'}, "doctor.event-never-fires", "p.wxml", 1),
    ("wxml-coupled", {"p.wxml": '<button open-type="getPhoneNumber|agreePrivacyAuthorization" bindgetrealtimephonenumber="a">'}, "doctor.event-never-fires", "p.wxml", 1),
    ("wxml-type", {"p.wxml": '<button open-type="getphonenumber" bindgetphonenumber="a">'}, "doctor.event-never-fires", "p.wxml", 1),
    ("uni-type", {"manifest.json": UNI, "p.vue": '<button open-type="getphonenumber" @getphonenumber="a">'}, "doctor.event-never-fires", "p.vue", 1),
    ("uni-scope", {"manifest.json": UNI, "p.vue": '<button open-type="getAuthorize" @getAuthorize="a">'}, "doctor.event-never-fires", "p.vue", 1),
    ("uni-not-realtime", {"manifest.json": "{}", "p.vue": '<button open-type="getRealtimePhoneNumber" @getphonenumber="a">'}, "doctor.event-never-fires", "p.vue", 1),
    ("taro-click", {"p.tsx": TARO + "<Button openType='getPhoneNumber' onClick={a} />"}, "doctor.event-never-fires", "p.tsx", 4),
    ("taro-bind", {"p.tsx": TARO + "<Button openType='getPhoneNumber' bindgetphonenumber={a} />"}, "doctor.event-never-fires", "p.tsx", 4),
    ("taro-realtime", {"p.tsx": TARO + "<Button openType='getRealtimePhoneNumber' onGetPhoneNumber={a} />"}, "doctor.event-never-fires", "p.tsx", 4),
    ("taro-type", {"p.tsx": TARO + "<Button openType={'getphonenumber'} onGetPhoneNumber={a} />"}, "doctor.event-never-fires", "p.tsx", 4),
    ("taro-scope", {"p.tsx": TARO + "<Button openType='getAuthorize' onGetAuthorize={a} />"}, "doctor.event-never-fires", "p.tsx", 4),
    ("taro-vue", {"p.vue": TARO + "<button open-type='getPhoneNumber' @tap='a' />"}, "doctor.event-never-fires", "p.vue", 4),
    ("nothing-posted", {"p.wxml": GOOD_BUTTON, "p.js": "Page({ onPhone() {} })"}, "doctor.nothing-posted", "p.wxml", 1),
]  # fmt: skip


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("name, files, code, file, line", CASES, ids=[case[0] for case in CASES])
def test_a_mistake_is_found_at_its_line(name, files, code, file, line, tmp_path):
    """Each mistake gives its diagnosis, with file and line."""
    found = [(each.code, each.file, each.line) for each in scan(write(tmp_path, files))]
    assert (code, file, line) in found
    assert "doctor.front-end-clean" not in {code for code, *_ in found}


def test_every_rule_has_a_mistake(tmp_path):
    """No rule is without a case above that only it finds."""
    silent = set()
    for rule in RULES:
        heard = False
        for number, (_name, files, code, *_place) in enumerate(CASES):
            from haoma.doctor.mini_program.sources import read

            folder = tmp_path / str(number)
            sources, _ = read(folder if folder.exists() else write(folder, files))
            project = Project(sources)
            heard = heard or any(each.code == code for source in sources for each in rule(source, project))
        if not heard:
            silent.add(rule.__name__)
    assert silent == {"button_of_a_kit"}  # outside of Taro; see below


def test_a_kit_outside_of_taro(tmp_path):
    """A kit's button is named in a native page as well."""
    write(tmp_path, {"p.wxml": '<at-button open-type="getPhoneNumber" bindgetphonenumber="a">', "p.js": "'POST'"})
    assert "doctor.button-of-a-kit" in {each.code for each in scan(tmp_path)}


def test_good_code_is_clean(tmp_path):
    """The right order, POST and the right event give nothing but the good word."""
    write(
        tmp_path,
        {
            "p.wxml": GOOD_BUTTON,
            "p.js": GOOD_PAGE,
            "node_modules/bad.js": "const appSecret = '0123456789abcdef0123456789abcdef'",
        },
    )
    assert [each.code for each in scan(tmp_path)] == ["doctor.front-end-clean"]


@pytest.mark.parametrize("readme", ["docs/guide.md", "docs/guide.zh-CN.md"])
def test_the_documentations_own_samples_are_clean(readme, tmp_path):
    """Every front-end sample of the README passes the doctor; with a break in it, it does not."""
    blocks = re.findall(r"(?ms)^```(html|js|vue|jsx|tsx)\n(.*?)^```$", (ROOT / readme).read_text("utf-8"))
    page = 0
    for kind, text in blocks:
        page += kind != "js"
        suffix = {"html": ".axml" if "getAuthorize" in text else ".wxml"}.get(kind, f".{kind}")
        write(tmp_path, {f"p{page}/index{suffix}": text})
    assert page >= 4
    for folder in sorted(tmp_path.iterdir()):
        assert [each.code for each in scan(folder)] == ["doctor.front-end-clean"], folder.name
    broken = next(tmp_path.rglob("*.wxml"))
    broken.write_text(broken.read_text("utf-8").replace("bindgetphonenumber", "bindGetPhoneNumber"), "utf-8")
    assert "doctor.event-never-fires" in {each.code for each in scan(broken.parent)}


@pytest.mark.parametrize("wrapped", [0, 64, 76])
def test_configured_secrets_are_found_however_they_are_wrapped(wrapped, config, tmp_path):
    """A configured private key is found on one line and in PEM; an AppSecret, an AES key and a server key as well."""
    known, settings = known_values(config), load(config)
    by_setting = {each.setting: each for each in known if each.secret}
    for setting, value in by_setting.items():
        text = value.value if not wrapped else "\n".join(re.findall(f".{{1,{wrapped}}}", value.value))
        folder = write(tmp_path / setting, {"a.js": f"const x = `{text}`\n'POST'"})
        found = [
            each for each in scan(folder, known, settings.service.keys) if each.code == "doctor.secret-in-front-end"
        ]
        assert found, setting
        assert value.value[:30] not in str([each.to_dict("en") for each in found])
    assert {"app_secret", "app_private_key", "aes_key", "server_keys"} <= by_setting.keys()


def test_a_server_key_is_found_by_its_digest(tmp_path):
    """A key of which the configuration has only the SHA-256 is found; a publishable one may be there."""
    from hashlib import sha256

    from haoma.settings.model import ServiceKey

    keys = [
        ServiceKey(kind, sha256(f"the-{kind}-key-of-the-test".encode()).digest()) for kind in ("server", "publishable")
    ]
    write(tmp_path, {"a.js": "key = 'the-server-key-of-the-test'\n", "b.js": "key = 'the-publishable-key-of-the-test'"})
    assert [(each.code, each.file) for each in scan(tmp_path, (), keys)] == [("doctor.secret-in-front-end", "a.js")]


@pytest.mark.parametrize(
    "suffix, text",
    [
        ("js", "const secret = 'a-word-without-any-digit-in-it-at-all'"),
        ("js", "// the token comes from /v1/apps/shop/login\n'POST'"),
        ("swan", '<button open-type="getPhoneNumber" bindgetphonenumber="a">'),
        ("ttml", '<button open-type="getPhoneNumber" bind:getphonenumber="a">'),
        ("ksml", '<button open-type="getPhoneNumber" catchgetphonenumber="a">'),
        ("wxml", '<button open-type="getRealtimePhoneNumber" bindgetrealtimephonenumber="a">'),
        ("wxml", '<button open-type="getPhoneNumber|agreePrivacyAuthorization" bindgetphonenumber="a">'),
        ("wxml", "<button open-type=\"{{now ? 'getRealtimePhoneNumber' : ''}}\" bindgetrealtimephonenumber=\"a\">"),
        ("wxml", '<button open-type="{{kind}}" bindgetphonenumber="a">'),
        ("vue", '<button open-type="getAuthorize" scope="phoneNumber" @getAuthorize="a">'),
        ("vue", '<button open-type="getAuthorize" :scope="scope" @getAuthorize="a">'),
        ("vue", '<button open-type="getRealtimePhoneNumber" @getrealtimephonenumber="a">'),
        ("tsx", "import '@tarojs/taro'\n<Button openType='getRealtimePhoneNumber' onGetRealTimePhoneNumber={a} />"),
        ("tsx", "import '@tarojs/taro'\n<Button openType={kind} onGetAuthorize={a} />"),
        ("tsx", "import '@tarojs/taro'\n<Button openType='getPhoneNumber' {...events} />"),
        ("vue", "import '@tarojs/taro'\n<button open-type='getPhoneNumber' @getphonenumber='a' />"),
        (
            "dart",
            "MPFlutter_Wechat_Button(openType: 'getPhoneNumber', onGetPhoneNumber: (d) { post(d); wx.login(o); })",
        ),
    ],
)
def test_what_is_right_is_not_called_wrong(suffix, text, tmp_path):
    """Right spellings of each platform, and words that only look like a secret."""
    write(tmp_path, {f"p.{suffix}": text, "post.js": "'POST'"})
    assert [each.code for each in scan(tmp_path)] == ["doctor.front-end-clean"]


def test_what_is_too_large_is_left_out_and_said(tmp_path):
    """A file above the limit, what is no text and what is no file are counted, not read; links are not followed."""
    write(tmp_path, {"big.js": " " * (513 * 1024), "ok.js": ""})
    (tmp_path / "binary.js").write_bytes(bytes(range(256)))
    os.mkfifo(tmp_path / "pipe.js")  # whoever opens it waits for ever
    (tmp_path / "link.js").symlink_to("/etc/hosts")
    (tmp_path / "self").symlink_to(tmp_path)
    (found,) = [each for each in scan(tmp_path) if each.code == "doctor.not-all-read"]
    assert found.because == {"left_out": 3}


def test_a_list_of_packages_is_not_missed(tmp_path):
    """A lock file of npm is no source, however large."""
    write(tmp_path, {"package-lock.json": " " * (513 * 1024), "ok.js": ""})
    assert [each.code for each in scan(tmp_path)] == ["doctor.front-end-clean"]


def test_a_folder_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    """A directory without permission is counted as left out, and the others are read."""
    write(tmp_path, {"ok.js": "", "closed/app.js": ""})
    scandir = os.scandir

    def as_somebody_else(path):  # this test may run as root, whom no permission stops
        if str(path).endswith("closed"):
            raise PermissionError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", as_somebody_else)
    assert [dict(each.because) for each in scan(tmp_path) if each.code == "doctor.not-all-read"] == [{"left_out": 1}]


def test_the_encoding_of_older_editors_is_read(tmp_path):
    """A secret in a file of GBK is found at its line."""
    (tmp_path / "gbk.js").write_bytes("// 密钥\nconst appSecret = '0123456789abcdef0123456789abcdef'".encode("gbk"))
    (found,) = scan(tmp_path)
    assert (found.code, found.file, found.line) == ("doctor.secret-in-front-end", "gbk.js", 2)


PROJECTS = {
    "WeChat in TypeScript": {
        "app.json": '{"pages": ["pages/login"]}',
        "request.ts": """export function request<T>(path: string, data: object, method: 'GET' | 'POST' = 'POST'): Promise<T> {
  return new Promise((resolve, reject) => {
    wx.request({ url: BASE + path, method, data, success: (res) => resolve(res.data as T), fail: reject });
  });
}""",
        "pages/login.wxml": '<button wx:if="{{!phone}}" open-type="getPhoneNumber" bind:getphonenumber="onPhone">x</button>',
        "pages/login.ts": """Page({
  onLoad() { this.refresh(); request('/products', {}, 'GET'); },
  async refresh() { const { code } = await wx.login(); this.setData({ loginCode: code }); },
  async onPhone(e: WechatMiniprogram.ButtonGetPhoneNumber) {
    if (!e.detail.code) return;
    try {
      await request<{ phone: string }>('/phone', { login_code: this.data.loginCode, authorization: { code: e.detail.code } });
    } finally { this.refresh(); }
  },
});""",
    },
    "WeChat with an interface of its own": {
        "p.wxml": GOOD_BUTTON,
        "p.js": """Page({ onLoad() { this.logIn() }, logIn() { wx.login({ success: (r) => { this.code = r.code } }) },
  onPhone(e) { api.exchange({ code: e.detail.code }).finally(() => this.logIn()) } })""",
        "api.js": "const post = (url, data) => new Promise((ok) => wx.request({ url, data, method: 'post', success: ok }))",
    },
    "WeChat with destructuring": {
        "p.wxml": GOOD_BUTTON,
        "p.js": """Page({ onPhone(e) { const { code } = e.detail; api.bindPhone({ code }).finally(() => wx.login({ success() {} })) } })""",
        "api.js": "wx.request({ method: 'POST' })",
    },
    "WeChat with a request after the request": {
        "p.wxml": GOOD_BUTTON,
        "p.js": """Page({ onPhone(e) { wx.request({ url, method: 'POST', data: { code: e.detail.code }, success: () => {
    wx.request({ url: ME, success: (r) => this.setData(r.data.response) }) } }) } })""",
    },
    "Alipay": {
        "p.axml": '<button open-type="getAuthorize" scope="phoneNumber" onGetAuthorize="onAllow" onError="onDeny">x</button>',
        "p.js": """Page({ onLoad() { my.getAuthCode({ scopes: ['auth_base'], success: (r) => { this.code = r.authCode } }) },
  onAllow() { my.getPhoneNumber({ success: (res) => my.request({ url, method: 'POST', data: { login_code: this.code, authorization: { response: res.response } } }) }) } })""",
    },
    **{
        f"native {suffix}": {
            f"p.{suffix}": GOOD_BUTTON,
            "p.js": f"Page({{ onLoad() {{ {api}.{login}({{ success: (r) => {{ this.code = r.code }} }}) }},\n"
            f"  onPhone(e) {{ {api}.request({{ url, method: 'POST', data: {{ login_code: this.code, authorization: e.detail }} }}) }} }})",
        }
        for suffix, api, login in (("swan", "swan", "getLoginCode"), ("ttml", "tt", "login"), ("ksml", "ks", "login"))
    },
    "uni-app, options": {
        "manifest.json": UNI,
        "pages/login.vue": """<template><!-- #ifdef MP-WEIXIN --><button open-type="getPhoneNumber" @getphonenumber="getPhoneNumber">x</button><!-- #endif -->
<!-- #ifdef MP-ALIPAY --><button open-type="getAuthorize" scope="phoneNumber" @getAuthorize="onAlipay">x</button><!-- #endif --></template>
<script>
export default {
  onLoad() { this.wxLogin() },
  methods: {
    wxLogin() { uni.login({ success: res => { this.code = res.code } }) },
    getPhoneNumber(e) {
      if (e.detail.errMsg !== 'getPhoneNumber:ok') return
      this.$http.post('/phone', { login_code: this.code, authorization: { code: e.detail.code } }).catch(() => { this.wxLogin() })
    },
    onAlipay() { my.getPhoneNumber({ success: (res) => this.$http.post('/phone', { response: res.response }) }) },
  },
}
</script>""",
    },
    "Taro, Vue": {
        "package.json": '{"dependencies": {"@tarojs/taro": "4"}}',
        "src/login.vue": """<template><button open-type="getPhoneNumber" @getphonenumber="onPhone">x</button></template>
<script setup>
const logIn = () => Taro.login({ success: (r) => { code = r.code } })
useLoad(logIn)
const onPhone = (e) => Taro.request({ url, method: 'POST', data: { login_code: code, authorization: { code: e.detail.code } }, complete: logIn })
</script>""",
    },
    "Taro, React": {
        "package.json": '{"dependencies": {"@tarojs/taro": "4", "@tarojs/plugin-platform-alipay": "4"}}',
        "src/login.tsx": """const isAlipay = process.env.TARO_ENV === 'alipay';
export default () => {
  const logIn = async () => { code.current = (await Taro.login()).code; };
  useLoad(() => { void logIn(); });
  const send = (authorization) => Taro.request({ url: '/p', method: 'POST', data: { login_code: code.current, authorization } });
  const onPhone = async (e) => { if (!e.detail.code) return; try { await send({ code: e.detail.code }); } finally { await logIn(); } };
  return isAlipay
    ? <Button openType="getAuthorize" scope="phoneNumber" onGetAuthorize={() => my.getPhoneNumber({ success: (r) => send({ response: r.response }) })}>a</Button>
    : <Button openType="getPhoneNumber" onGetPhoneNumber={onPhone}>b</Button>;
};""",
    },
}


@pytest.mark.parametrize("files", PROJECTS.values(), ids=PROJECTS)
def test_a_project_that_is_right_has_nothing_found(files, tmp_path):
    """As teams write it, in each framework: not one finding, and what is installed beside it is not looked at."""
    installed = {"node_modules/sdk/index.js": "const appSecret = '0123456789abcdef0123456789abcdef'"}
    found = scan(write(tmp_path / "program", files | installed))
    assert [(each.code, each.file, each.line) for each in found] == [("doctor.front-end-clean", "", 0)]


@pytest.mark.parametrize(
    "condition",
    [
        "#ifdef MP-WEIXIN", "#ifdef MP-WEIXIN || MP-QQ", "#ifdef VUE3 && MP-WEIXIN", "#ifndef MP-ALIPAY", "#ifndef H5 || MP-ALIPAY",
        "#ifndef MP", "#ifdef MP-WEIXIN --><!-- #ifdef VUE3 --><!-- #endif", "#ifdef MP-WEIXIN --><!-- #ifndef VUE2",
    ],
)  # fmt: skip
def test_what_is_not_compiled_for_alipay_is_not_judged_by_it(condition, tmp_path):
    button = '<button open-type="getRealtimePhoneNumber" @getrealtimephonenumber="a">'
    folder = write(
        tmp_path, {"manifest.json": UNI, "p.vue": f"<!-- {condition} -->\n{button}\n<!-- #endif -->", "a.js": POST}
    )
    assert [found.code for found in scan(folder)] == ["doctor.front-end-clean"]


def test_one_address_is_one_mistake(tmp_path):
    """A call by GET whose address holds two fields is told once for its line."""
    call = "wx.request({ url: `/p?encryptedData=${e.detail.encryptedData}&iv=${e.detail.iv}` })\n"
    found = [each.line for each in scan(write(tmp_path, {"p.js": call * 2})) if each.code == "doctor.sent-with-get"]
    assert found == [1, 2]


@pytest.mark.parametrize(
    "before",
    [
        "if (!e.detail.code) return;",
        "console.log('phone', e.detail);",
        "this.setData({ phoneCode: e.detail.code });",
        "wx.showToast({ title: e.detail.errMsg });",
    ],
)
def test_what_is_done_before_the_login_is_not_taken_for_sending(before, tmp_path):
    """A look at the event, a line in the console or a value that is kept sends nothing: the login is still too early."""
    script = f"Page({{ onPhone(e) {{\n {before}\n wx.login({{ success: (r) => api.exchange(r.code, e.detail.code) }})\n}} }})"
    folder = write(tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": script, "api.js": "wx.request({ method: 'POST' })"})
    (found,) = scan(folder)
    assert (found.code, found.line) == ("doctor.login-in-callback", 3)


AUTH = "function wxaCode() { return new Promise((ok) => wx.login({ success: (r) => ok(r.code) })) }\nmodule.exports = { wxaCode }"
SENDS = "await WXAPI.bind(token, code, e.detail.encryptedData, e.detail.iv)"
FOLLOWED = {
    "through a module": ("const code = await AUTH.wxaCode()", AUTH, True),
    "through an arrow": ("const code = await wxaCode()", "export const wxaCode = () =>\n  new Promise((ok) => wx.login({ success: ok }))", True),
    "through the app": ("await getApp().login()", "App({ login() { return wx.login() } })", True),
    "through what is set": ("await auth.login()", "exports.login = async function () { await wx.login() }", True),
    "through a second function": ("await renew()", AUTH + "\nconst renew = async () => { await wxaCode() }", True),
    "on the way to the server": ("this.submit(e.detail)", "function submit(d) { wx.login({ success: (r) => bind(r.code, d) }) }", True),
    "of which one does not": ("await api.wxaCode()", AUTH + "\nfunction wxaCode() { return stored }", False),
    "after an answer": (SENDS + "; await AUTH.wxaCode()", AUTH, False),
    "after the function's own request": ("await update()", "function update() { return request('/x').then(() => wx.login()) }", False),
    "when the page loads": ("this.onLoad()", "Page({ onLoad() { wx.login() } })", False),
    "if the user declines": ("if (!e.detail.iv) { AUTH.wxaCode(); return }", AUTH, False),
    "of a request that may log in": ("await request('/phone', e.detail)", "function request(o) { if (!token) { wx.login() } }", False),
    "at a distance of three": ("await one()", AUTH + "\nfunction one() { two() }\nfunction two() { three() }\nfunction three() { wxaCode() }", False),
}  # fmt: skip


@pytest.mark.parametrize("call, other, logs_in", FOLLOWED.values(), ids=FOLLOWED)
def test_a_login_in_another_file_is_a_guess(call, other, logs_in, tmp_path):
    """What the callback calls before it sends is followed by name, and said to be a guess; what comes after is not."""
    page = f"const AUTH = require('../utils/auth')\nComponent({{ methods: {{ async onPhone(e) {{\n{call}\n{SENDS} }} }} }})"
    write(tmp_path, {"p/i.wxml": GOOD_BUTTON, "p/i.js": page, "utils/auth.js": other, "api.js": "x = 'POST'"})
    found = [(each.code, each.file, each.line, each.guess) for each in scan(tmp_path)]
    assert found == (
        [("doctor.login-in-callback", "p/i.js", 3, True)] if logs_in else [("doctor.front-end-clean", "", 0, False)]
    )


def test_an_import_says_which_function_of_a_name_is_meant(tmp_path):
    """Two files have a function of one name, and only that of the file that was required is followed."""
    page = "const { login } = require('../utils/auth')\nPage({ async onPhone(e) { await login()\nbind(e.detail) } })"
    files = {"p/i.wxml": GOOD_BUTTON, "p/i.js": page, "utils/auth.js": "function login() { wx.login() }"}
    files["api.js"] = "export function login(code) { return post(code) }"
    (found,) = scan(write(tmp_path, files | {"post.js": "'POST'"}))
    assert (found.code, found.guess, found.because["defined_in"]) == ("doctor.login-in-callback", True, "utils/auth.js")


def test_a_login_in_the_same_file_is_no_guess(tmp_path):
    """What stands in the file of the callback is proven, two functions deep as well."""
    page = "Page({ one() { this.two() }, two() { wx.login() },\n onPhone(e) { this.one(); bind(e.detail) } })"
    (found,) = scan(write(tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": page, "post.js": "'POST'"}))
    assert (found.code, found.line, found.guess) == ("doctor.login-in-callback", 2, False)


def test_a_login_at_the_tap_is_a_guess(tmp_path):
    """A tap on the phone button itself that logs in races with the data; that of another button does not matter."""
    page = "Page({ doLogin() {\n wx.login() }, onPhone(e) { bind(e.detail) } })"
    button = GOOD_BUTTON.replace("<button", '<button bindtap="doLogin"')
    write(tmp_path, {"p.wxml": button, "p.js": page, "post.js": "'POST'"})
    (found,) = scan(tmp_path)
    assert (found.code, found.severity, found.line, found.guess) == ("doctor.login-in-callback", "warning", 2, True)
    write(tmp_path, {"p.wxml": GOOD_BUTTON + '<button bindtap="doLogin">log in</button>'})
    assert [each.code for each in scan(tmp_path)] == ["doctor.front-end-clean"]


def test_a_component_of_their_own_is_a_guess(tmp_path):
    """A button of Taro without the event is dead; a component of the team's may call its event what it likes."""
    for tag, guess in (("Button", False), ("PhoneButton", True)):
        page = f"import '@tarojs/taro'\n<{tag} openType='getPhoneNumber' onPhone={{a}} />"
        (found,) = scan(write(tmp_path, {"p.tsx": page, "post.js": "'POST'"}))
        assert (found.code, found.guess) == ("doctor.event-never-fires", guess)


CALL = "Page({ onPhone(e) {\n this.submit(e.detail) }, submit(d) {\n "
SENT = {
    "a wrapper": ("request({ url, method: 'get', params: { encryptedData, iv } })", 1, "fault", False),
    "a wrapper that posts": ("request({ url, method: 'post', data: { encryptedData, iv } })", 0, "", False),
    "a function of theirs": ("\nget('/phone', { encryptedData: e.detail.encryptedData })", 2, "fault", True),
    "what only looks up": ("const iv = get(e, 'detail.iv')", 0, "", False),
    "a function that takes the detail": (CALL + "wx.request({ url, data: d }) } })", 3, "fault", True),
    "one that posts it": (CALL + "wx.request({ url, data: d, method: 'POST' }) } })", 0, "", False),
    "one that fetches afterwards": (CALL + "this.post(d).then(() => wx.request({ url: ME })) } })", 0, "", False),
    "another method inside": ("wx.request({ data: { code: e.detail.code, pay: { method: 1 } }, method: 'POST' })", 0, "", False),
    "a method from elsewhere": ("wx.request({ url, method, data: { code: e.detail.code } })", 1, "warning", True),
    "a method that is POST": ("const method = 'POST'; wx.request({ url, method, data: { code: e.detail.code } })", 0, "", False),
    "options from elsewhere": ("wx.request({ ...opts, data: { code: e.detail.code } })", 1, "warning", True),
}  # fmt: skip


@pytest.mark.parametrize("script, line, severity, guess", SENT.values(), ids=SENT)
def test_a_get_is_found_although_others_post(script, line, severity, guess, tmp_path):
    """A GET beside other requests that post: what is certain is a fault, what had to be followed or is open a guess."""
    found = scan(write(tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": script, "other.js": "wx.request({ method: 'POST' })"}))
    gets = [(each.line, each.severity, each.guess) for each in found if each.code == "doctor.sent-with-get"]
    assert gets == [(line, severity, guess)] * bool(line)


def test_a_get_of_another_file_is_found_where_it_stands(tmp_path):
    """The callback calls a function of the interface, and that a wrapper whose requests have no method."""
    files = {
        "p.wxml": GOOD_BUTTON, "p.js": "Page({ onPhone(e) { api.bindPhone(e.detail) } })",
        "api.js": "export const bindPhone = (d) => request('/phone', d)",
        "request.js": "export function request(url, data) {\n return new Promise((ok) => wx.request({ url, data, success: ok })) }",
        "other.js": "wx.request({ method: 'POST' })",
    }  # fmt: skip
    files |= {"q.wxml": GOOD_BUTTON, "q.js": files["p.js"]}  # two pages lead to the same place
    (found,) = scan(write(tmp_path, files))
    assert (found.code, found.file, found.line, found.guess) == ("doctor.sent-with-get", "request.js", 2, True)


def test_a_get_is_told_once(tmp_path):
    """That nothing posts is the same mistake as the GET that was found, and not told as well."""
    write(tmp_path, {"p.wxml": GOOD_BUTTON, "p.js": "Page({ onPhone(e) { wx.request({ url, data: e.detail }) } })"})
    (found,) = scan(tmp_path)
    assert (found.code, found.because) == ("doctor.sent-with-get", {"method": "GET", "by_default": True})


def test_a_folder_without_sources_is_said(tmp_path):
    """An empty folder is not called clean, nor one that holds a text and no program."""
    assert [each.code for each in scan(tmp_path)] == ["doctor.not-all-read"]
    assert [each.code for each in scan(write(tmp_path, {"notes.txt": ""}))] == ["doctor.not-all-read"]


def test_what_lies_beside_the_program_is_read_for_secrets_alone(tmp_path):
    """A note may name the platforms' calls, a public key may be there, and a long list of packages is not read."""
    write(tmp_path, {
        "app.js": "", "notes.txt": "the server calls /sns/jscode2session, and keeps the session_key",
        "alipay_public_key.pem": "-----BEGIN PUBLIC KEY-----", "pnpm-lock.yaml": "- a\n" * 200_000,
    })  # fmt: skip
    assert [each.code for each in scan(tmp_path)] == ["doctor.front-end-clean"]


def test_comments_are_not_code(tmp_path):
    """What stands in a comment is not called; what only looks like the beginning of one hides nothing."""
    call = "wx.request({ url, data: { code: e.detail.code } })"
    for text in (f"/* {call} */ 'POST'", f"<!-- {call} --> 'POST'", f"// {call}\n'POST'"):
        write(tmp_path, {"p.js": text})
        assert "doctor.sent-with-get" not in {each.code for each in scan(tmp_path)}, text
    for text in (f"accept = 'image/*'\n{call}", f"u = 'https://127.0.0.1'\n{call}", f"s = '<!--'\n{call}"):
        write(tmp_path, {"p.js": text})
        assert "doctor.sent-with-get" in {each.code for each in scan(tmp_path)}, text


@pytest.mark.parametrize(
    "before, piece",
    [
        ("", "<a'"),
        ("", "<a {"),
        ("", "wx.login({"),
        ("", "wx.request({"),
        ("", "<!--"),
        ("", "/*"),
        ("", "MIIE"),
        ("", "f("),
        ("", "<button open-type='getAuthorize' onGetAuthorize='f'"),
        ("", "a"),
        ("bind", "Phone"),
        ("bindgetphonenumber=", " "),
        ("f(a)", " "),
        ("f(a): ", "b "),
        ("<button ", "a"),
        ("", "\n`?iv=${a}`"),
        ("", "f=a=>"),
        ("", "f=a=>()"),
        ("", "f(){"),
        ("f(", "()f()"),
        ("<i bindgetphonenumber='f'>f(){", "g(){g(1);"),
    ],
)
def test_time_grows_with_the_size_and_no_faster(before, piece):
    """A file that is made to be slow: what would take 20 seconds for one of the largest size is noticed."""
    source = Source("p.vue", (before + piece * (QUARTER // len(piece)))[:QUARTER])
    assert read_within(20 / 4**2, [source])


@pytest.mark.parametrize("path", ["p.jsx", "p.vue"])
def test_many_buttons_of_taro_are_read_quickly(path):
    """What is asked of a file as a whole is asked once, not once for each button."""
    button = '<button openType="getPhoneNumber"/>'
    package = Source("package.json", '{"dependencies": {"@tarojs/taro": "3"}, "alipay": "mp-alipay"}')
    assert read_within(20 / 4**2, [package, Source(path, button * (QUARTER // len(button)))])


def test_many_folders_and_files_are_read_quickly(tmp_path):
    """Whether a name is a folder's is not sought among all of them."""
    for number in range(6000):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}.md").touch()
    started = process_time()
    assert read(tmp_path) == ([], 0)
    assert process_time() - started < 2


@pytest.mark.parametrize(
    "text",
    ["const /*" + "-" * 2000 + "*/ a", "import x" + "\n" * 60_000, "<" + "a." * 20_000],
    ids=["a long comment behind const", "an import without an end", "a tag without an end"],
)
def test_what_is_begun_is_read_once(text):
    """A run of spaces or of letters is not tried anew from each of its characters."""
    source = Source("p.vue", text)
    started = process_time()
    assert (dict(source.imports), source.buttons) == ({}, [])
    assert process_time() - started < 3


def test_imports_are_found():
    """In every spelling, with line breaks between."""
    text = """import a from "./a"; import {b, c as d}from"../b/index"; import * as e from 'e'
const { f: g,
  h } = require( "./h.js" ); var j = 1, k = 2; const l = other("m")"""
    expected = {"a": "a", "b": "index", "c": "index", "as": "e", "d": "index", "e": "e", "f": "h", "g": "h", "h": "h"}
    assert dict(Source("p.js", text).imports) == expected


def test_many_handlers_that_call_many_functions_are_read_quickly():
    """Each name is sought once, not once for each call: 200 buttons whose callbacks call 100 functions each."""
    buttons = "".join(f'<button open-type="getPhoneNumber" @getphonenumber="h{i}" />' for i in range(200))
    handlers = "".join(f"h{i}(e){{" + "".join(f"q{i}_{j}(1);" for j in range(100)) + "}" for i in range(200))
    source = Source("p.vue", (buttons + handlers + "w ( x " * FILE_BYTES)[:FILE_BYTES])
    assert read_within(20, [source])


def test_many_pages_are_read_quickly():
    """The files of a page are found by name, not by a look at all others."""
    pages = [Source(f"p{i}.{suffix}", "") for i in range(2000) for suffix in ("js", "wxml")]
    assert read_within(20, pages)


def read_within(seconds, sources):
    project = Project(sources)
    started = process_time()
    for source in sources:
        for rule in RULES:
            list(rule(source, project))
            if process_time() - started > seconds:
                return False
    return True
