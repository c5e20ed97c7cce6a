"""A folder of a mini program: each mistake is found at its line, and what the documentation shows is clean."""

import base64
import os
import re
from pathlib import Path
from time import monotonic, process_time

import pytest

from haoma.doctor.configuration.secrets import known_values
from haoma.doctor.mini_program.scan import scan
from haoma.doctor.mini_program.sources import FILE_BYTES, read
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
TARO = "import { Button } from '@tarojs/components';\nTaro.request({ method: 'POST' });\nconst plugin = '@tarojs/plugin-platform-alipay';\n"
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
    ("taro-kit", {"p.jsx": TARO + "<AtButton openType='getAuthorize' onGetAuthorize={a} />"}, "doctor.button-of-a-kit", "p.jsx", 4),
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
    ("get-of-dart", {"p.dart": "// Phone\nhttp.get(Uri.parse(base), {'encryptedData': d})"}, "doctor.sent-with-get", "p.dart", 2),
    ("wxml-realtime", {"p.wxml": '<button open-type="getRealtimePhoneNumber" bindgetphonenumber="a">'}, "doctor.event-never-fires", "p.wxml", 1),
    ("wxml-not-realtime", {"p.wxml": '<button open-type="getPhoneNumber" bindgetrealtimephonenumber="a">'}, "doctor.event-never-fires", "p.wxml", 1),
    ("wxml-coupled", {"p.wxml": '<button open-type="getPhoneNumber|agreePrivacyAuthorization" bindgetrealtimephonenumber="a">'}, "doctor.event-never-fires", "p.wxml", 1),
    ("axml-scope-capitals", {"p.axml": '<button open-type="getAuthorize" scope="phonenumber" onGetAuthorize="a">'}, "doctor.event-never-fires", "p.axml", 1),
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


NATIVE = "Page({ a(e) { wx.request({ url, method: 'POST', data: { code: e.detail.code, data: e.detail.encryptedData } }) } })"
OF_VUE = (
    "<script>export default { methods: { a() { uni.request({ url, method: 'POST', data: this.form }) } } }</script>"
)
OF_TARO = "import Taro from '@tarojs/taro';\nconst a = (e) => Taro.request({ url, method: 'POST', data: { code: e.detail.code } });\n"
RIGHT = {
    "a word that is no secret": {"p.js": "const secret = 'a-word-without-any-digit-in-it-at-all'"},
    "a path that is no call": {"p.js": "// the token comes from /v1/apps/shop/login"},
    "swan": {"p.swan": '<button open-type="getPhoneNumber" bindgetphonenumber="a">', "p.js": NATIVE.replace("code: e.detail.code, ", "")},
    "ttml": {"p.ttml": '<button open-type="getPhoneNumber" bind:getphonenumber="a">', "p.js": NATIVE},
    "ksml": {"p.ksml": '<button open-type="getPhoneNumber" catchgetphonenumber="a">', "p.js": NATIVE.replace("code: e.detail.code, ", "")},
    "realtime": {"p.wxml": '<button open-type="getRealtimePhoneNumber" bindgetrealtimephonenumber="a">', "p.js": NATIVE},
    "coupled": {"p.wxml": '<button open-type="getPhoneNumber|agreePrivacyAuthorization" bindgetphonenumber="a">', "p.js": NATIVE},
    "chosen": {"p.wxml": "<button open-type=\"{{now ? 'getRealtimePhoneNumber' : ''}}\" bindgetrealtimephonenumber=\"a\">", "p.js": NATIVE},
    "chosen elsewhere": {"p.wxml": '<button open-type="{{kind}}" bindgetphonenumber="a">', "p.js": NATIVE},
    "uni-app, authorize": {"p.vue": '<template><button open-type="getAuthorize" scope="phoneNumber" @getAuthorize="a"/></template>' + OF_VUE},
    "uni-app, a scope from elsewhere": {"p.vue": '<template><button open-type="getAuthorize" :scope="scope" @getAuthorize="a"/></template>' + OF_VUE},
    "uni-app, realtime": {"p.vue": '<template><button open-type="getRealtimePhoneNumber" @getrealtimephonenumber="a"/></template>' + OF_VUE},
    "Taro, realtime": {"p.tsx": OF_TARO + "<Button openType='getRealtimePhoneNumber' onGetRealTimePhoneNumber={a} />"},
    "Taro, chosen": {"p.tsx": OF_TARO + "<Button openType={kind} onGetPhoneNumber={a} onGetAuthorize={() => {}} />"},
    "Taro, Vue": {"p.vue": "<template><button open-type='getPhoneNumber' @getphonenumber='a'/></template><script setup>" + OF_TARO + "</script>"},
    "MPFlutter": {"p.dart": "MPFlutter_Wechat_Button(openType: 'getPhoneNumber', onGetPhoneNumber: (d) { post(d); wx.login(o); })"},
}  # fmt: skip


@pytest.mark.parametrize("files", RIGHT.values(), ids=RIGHT)
def test_what_is_right_is_not_called_wrong(files, tmp_path):
    """Right spellings of each platform, and words that only look like a secret."""
    found = [(each.code, dict(each.because)) for each in scan(write(tmp_path, files))]
    assert [code for code, _because in found] == ["doctor.front-end-clean"], found


def test_what_is_too_large_is_left_out_and_said(tmp_path):
    """A file above the limit, what is no text and what is no file are counted, not read; links are not followed."""
    write(tmp_path, {"big.js": " " * (513 * 1024), "ok.js": ""})
    (tmp_path / "binary.js").write_bytes(bytes(range(256)))
    os.mkfifo(tmp_path / "pipe.js")  # whoever opens it waits for ever
    (tmp_path / "link.js").symlink_to("/etc/hosts")
    (tmp_path / "self").symlink_to(tmp_path)
    (found,) = [each for each in scan(tmp_path) if each.code == "doctor.not-all-read"]
    assert found.because == {"left_out": 3}


@pytest.mark.parametrize("kind", ["pipe", "link", "large"])
def test_settings_of_a_project_that_are_no_file_of_it_are_not_read(kind, tmp_path):
    """Neither a pipe, which would block, nor a link out of the folder, nor what is too large says where sources are."""
    write(tmp_path, {"a/app.json": "{}", "b/app.js": "-----BEGIN PRIVATE KEY-----"})
    settings, said = tmp_path / "project.config.json", '{"miniprogramRoot": "a"}'
    if kind == "pipe":
        os.mkfifo(settings)
    elif kind == "link":
        (tmp_path / "elsewhere").write_text(said)
        settings.symlink_to(tmp_path / "elsewhere")
    else:
        settings.write_text(said + " " * (512 * 1024))
    assert "doctor.secret-in-front-end" in {each.code for each in scan(tmp_path)}


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
        "pages/login.ts": """import { request } from '../request'
Page({
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
        "p.js": """const api = require('./api')
Page({ onLoad() { this.logIn() }, logIn() { wx.login({ success: (r) => { this.code = r.code } }) },
  onPhone(e) { api.exchange({ code: e.detail.code }).finally(() => this.logIn()) } })""",
        "api.js": "const post = (url, data) => new Promise((ok) => wx.request({ url, data, method: 'post', success: ok }))\nexports.exchange = (data) => post('/phone', data)",
    },
    "WeChat with destructuring": {
        "p.wxml": GOOD_BUTTON,
        "p.js": """import * as api from './api'
Page({ onPhone(e) { const { code } = e.detail; api.bindPhone({ code }).finally(() => wx.login({ success() {} })) } })""",
        "api.js": "export const bindPhone = (data) => wx.request({ url, method: 'POST', data })",
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
    """Conditional compilation decides for which platforms a button is."""
    page = f'<template><!-- {condition} -->\n<button open-type="getRealtimePhoneNumber" @getrealtimephonenumber="a"/>\n<!-- #endif --></template>'
    folder = write(tmp_path, {"manifest.json": UNI, "p.vue": page + OF_VUE})
    assert [found.code for found in scan(folder)] == ["doctor.front-end-clean"]


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


HOSTILE = {
    "open attributes": "<a'", "open braces": "<a {", "open comments": "<!--", "another open comment": "/*", "keys": "MIIE",
    "calls in calls": "f(", "buttons": "<button open-type='getAuthorize' onGetAuthorize='f'>", "arrows": "f=a=>",
    "arrows of calls": "f=a=>()", "functions in functions": "function f(){", "objects": "{a:", "lists": "[", "JSX": "<b>{a=>",
    "templates": "`${", "less than": "a<", "quotes": "'", "sums": "a+", "ternaries": "a?b:", "conditions": "if(a){",
}  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("suffix", ["vue", "jsx"])
def test_a_file_that_is_made_to_be_slow_ends(piece, suffix, tmp_path):
    """Nested without end, or broken: it is read within its limit, and nothing ends in a crash."""
    button = (
        '<template><button open-type="getPhoneNumber" @getphonenumber="onPhone"/></template><script>'
        if suffix == "vue"
        else ""
    )
    write(tmp_path, {f"p.{suffix}": (button + "getPhoneNumber session_key\n" + piece * 12_000)[:60_000]})
    started = monotonic()
    list(scan(tmp_path))
    assert monotonic() - started < 20


def test_a_bundle_is_left_alone_and_said(tmp_path):
    """A line of half a megabyte is not written by people; what it holds is not judged."""
    bundle = "const a = {openType: 'getPhoneNumber'};" + "f(1);" * 80_000
    found = [each.code for each in scan(write(tmp_path, {"vendor.js": bundle, "app.js": ""}))]
    assert found == ["doctor.not-understood"]


def test_many_folders_and_files_are_read_quickly(tmp_path):
    """Whether a name is a folder's is not sought among all of them."""
    for number in range(6000):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}.md").touch()
    started = process_time()
    assert read(tmp_path) == ([], 0)
    assert process_time() - started < 2
